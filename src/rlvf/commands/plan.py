"""Estimate what a configuration costs: its jobs, their hours and their disk space."""

import argparse

from rlvf.commands._options import configs, positive
from rlvf.config import load_config
from rlvf.machine import cores

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    configs(parser)
    parser.add_argument(
        "--gpus", type=positive(int), default=1, help="how many run at the same time (default: 1)"
    )


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.plan import show_plan

    config = load_config(*options.config)
    print(show_plan(config, options.gpus, cores()), end="")
