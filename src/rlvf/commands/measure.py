"""Join what is known about each completion of an evaluation of a cell."""

import argparse
from pathlib import Path

from rlvf.commands import _options
from rlvf.commands._inputs import read_checks
from rlvf.environments import ENVIRONMENTS
from rlvf.records import CellId, Completion, EvaluatedCellId, read_jsonl, read_tasks, write_jsonl
from rlvf.settings import parse_settings

PACKAGES = ("python",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cell", required=True, help="study, model, policy, seed as JSON")
    parser.add_argument("--evaluation", required=True, metavar="NAME")
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--completions", type=Path, required=True)
    parser.add_argument("--executions", type=Path, help="what `rlvf execute` found out of them")
    parser.add_argument("--ruff", type=Path, help="what `rlvf lint` found out of them")
    parser.add_argument(
        "--tests-shown",
        type=_options.count,
        required=True,
        metavar="N",
        help="the prompt showed the first N tests of each task",
    )
    _options.environment(parser)
    _options.out(parser, "samples.jsonl")


def run(options: argparse.Namespace) -> None:
    cell = parse_settings(options.cell, CellId, "--cell")
    environment = ENVIRONMENTS[options.environment]
    samples = environment.measure(
        EvaluatedCellId(**cell.model_dump(), evaluation=options.evaluation),
        read_tasks(options.tasks, environment.Task),
        read_jsonl(options.completions, Completion),
        tests_shown=options.tests_shown,
        **read_checks(environment.CHECKS, options.executions, options.ruff),
    )
    write_jsonl(options.out, samples)
