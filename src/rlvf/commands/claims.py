"""Evaluate a publication's claims on a study's samples."""

import argparse
import shlex
from pathlib import Path

from rlvf.cells import read_cells
from rlvf.commands._options import cells, out_folder, samples, scale
from rlvf.settings import parse_settings

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--claims", type=Path, required=True, help="YAML, see rlvf.analysis.claims")
    cells(parser)
    samples(parser)
    scale(parser)
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.claims import write_claims
    from rlvf.analysis.claims.vocabulary import Claims
    from rlvf.analysis.results import Results
    from rlvf.analysis.summary import load_samples

    claims = parse_settings(str(options.claims), Claims)
    files = sorted(map(str, options.samples))
    command = ["rlvf", "claims", "--claims", options.claims, "--cells", options.cells]
    command += ["--samples", *files, "--scale", options.scale, "--out", options.out]
    study = read_cells(options.cells)
    results = Results(study, load_samples(options.samples, study), options.scale)
    command = shlex.join(map(str, command))
    write_claims(claims, str(options.claims), results, command, options.out)
