"""Draw the figures of a study from its samples and logs."""

import argparse
from pathlib import Path

from rlvf.commands._inputs import read_all
from rlvf.commands._options import out_folder, samples, scale
from rlvf.records import TrainingStep

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    samples(parser)
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    scale(parser)
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.figures import write_figures
    from rlvf.analysis.summary import load_samples

    found, steps = load_samples(options.samples), read_all(options.logs, TrainingStep)
    write_figures(found, steps, options.out, options.scale)
