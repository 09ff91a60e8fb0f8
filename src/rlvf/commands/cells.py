"""Write down what the cells of a study are: their levels on its axes."""

import argparse

from rlvf.cells import Cells
from rlvf.commands._options import SETTINGS_HELP, out
from rlvf.files import atomic_writer
from rlvf.settings import parse_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", required=True, help=f"study, axes, cells as {SETTINGS_HELP}")
    out(parser, "cells.json")


def run(options: argparse.Namespace) -> None:
    cells = parse_settings(options.settings, Cells)
    with atomic_writer(options.out) as file:
        file.write(cells.model_dump_json(indent=1) + "\n")
