"""Estimate what a run of Snakemake costs: its jobs, their hours and their disk space. All jobs of
the workflow count, even if their products are there. No job is run."""

import argparse

from rlvf.commands._options import positive
from rlvf.config import parse_config
from rlvf.machine import cores

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(runs_snakemake=True, takes_further=True)
    parser.usage = (
        "rlvf plan [--gpus N] [SNAKEMAKE ARGUMENT ...], for instance: rlvf plan --profile mini"
    )
    parser.add_argument(
        "--gpus", type=positive(int), default=1, help="how many run at the same time (default: 1)"
    )


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.dry_run import dry_run
    from rlvf.runs.plan import show_plan

    found = dry_run(options.further)
    config = parse_config(found.config, "the configuration")
    print(show_plan(found.dag, config, options.gpus, cores()), end="")
