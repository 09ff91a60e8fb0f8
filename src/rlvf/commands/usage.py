"""Compare what jobs used with what they asked for."""

import argparse
from pathlib import Path

from rlvf.commands._inputs import read_all
from rlvf.records import TrainingStepTimes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=Path,
        required=True,
        help="folder of Snakemake's records of jobs, made with --benchmark-extended",
    )
    parser.add_argument("--times", type=Path, nargs="*", default=[], help="trainings' times")
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder for usage.md and usage.csv"
    )


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.usage import read_jobs, write_usage

    jobs = read_jobs(options.jobs)
    times = read_all(options.times, TrainingStepTimes)
    print(write_usage(jobs, times, options.out), end="")
