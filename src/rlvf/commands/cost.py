"""Sum up the time, tokens and memory that training took."""

import argparse
from pathlib import Path

from rlvf.cells import read_cells
from rlvf.commands._inputs import read_all
from rlvf.commands._options import cells, out_folder, scale
from rlvf.records import TrainingStep, TrainingStepTimes

PACKAGES = ("pandas",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cells(parser)
    parser.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    parser.add_argument("--times", type=Path, nargs="*", default=[], help="and their times")
    scale(parser)
    out_folder(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.cost import write_cost

    steps = read_all(options.logs, TrainingStep)
    times = read_all(options.times, TrainingStepTimes)
    write_cost(read_cells(options.cells), steps, times, options.out, options.scale)
