"""Make the tables of a study from its samples."""

import argparse

from rlvf.commands._options import SETTINGS_HELP, out_folder, samples
from rlvf.config import TablesSettings
from rlvf.settings import parse_settings

PACKAGES = ("pandas", "numpy", "scipy", "statsmodels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    samples(parser)
    parser.add_argument(
        "--settings", required=True, help=f"scale, hyperparameters: {SETTINGS_HELP}"
    )
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.summary import load_samples
    from rlvf.analysis.tables import write_tables

    settings = parse_settings(options.settings, TablesSettings)
    write_tables(
        load_samples(options.samples), settings.hyperparameters, options.out, settings.scale
    )
