"""Evaluate a publication's claims on a study's samples."""

import argparse
import shlex
from pathlib import Path

from rlvf.commands._options import out_folder, samples, scale
from rlvf.settings import parse_settings

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--claims", type=Path, required=True, help="YAML, see rlvf.analysis.claims")
    samples(parser)
    scale(parser)
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.claims import Claims, write_claims
    from rlvf.analysis.summary import load_samples

    claims = parse_settings(str(options.claims), Claims)
    files = sorted(map(str, options.samples))
    command = ["rlvf", "claims", "--claims", options.claims, "--samples", *files]
    command += ["--scale", options.scale, "--out", options.out]
    found = load_samples(options.samples)
    command = shlex.join(map(str, command))
    write_claims(claims, str(options.claims), found, command, options.out, options.scale)
