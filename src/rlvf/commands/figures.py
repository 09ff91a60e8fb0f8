"""Draw the figures of a study from its samples and logs."""

import argparse
from pathlib import Path

from rlvf.commands._inputs import read_all, read_results
from rlvf.commands._options import SETTINGS_HELP, cells, out_folder, samples
from rlvf.config import FiguresSettings
from rlvf.records import TrainingStep
from rlvf.settings import parse_settings

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cells(parser)
    samples(parser)
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    parser.add_argument("--settings", required=True, help=f"scale, analysis: {SETTINGS_HELP}")
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.figures import write_figures

    settings = parse_settings(options.settings, FiguresSettings)
    steps = read_all(options.logs, TrainingStep)
    write_figures(read_results(options, settings, steps=steps), options.out)
