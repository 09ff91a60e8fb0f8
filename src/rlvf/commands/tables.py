"""Make the tables of a study from its samples."""

import argparse

from rlvf.commands._inputs import read_results
from rlvf.commands._options import SETTINGS_HELP, cells, out_folder, samples
from rlvf.config import TablesSettings
from rlvf.settings import parse_settings

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cells(parser)
    samples(parser)
    parser.add_argument(
        "--settings", required=True, help=f"scale, analysis, hyperparameters: {SETTINGS_HELP}"
    )
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.tables import write_tables

    settings = parse_settings(options.settings, TablesSettings)
    results = read_results(options, settings, hyperparameters=settings.hyperparameters)
    write_tables(results, options.out)
