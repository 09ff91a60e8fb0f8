"""Join what is known about each completion of a cell."""

import argparse
from pathlib import Path

from rlvf.commands._options import count, out
from rlvf.records import (
    CellId,
    Completion,
    DecodedCellId,
    Execution,
    LintReport,
    read_jsonl,
    read_tasks,
    write_jsonl,
)
from rlvf.settings import parse_settings

PACKAGES = ("python",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cell", required=True, help="study, model, policy, seed as JSON")
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument(
        "--decoding",
        nargs=4,
        action="append",
        required=True,
        metavar=("NAME", "COMPLETIONS", "EXECUTIONS", "RUFF"),
        help="one of the cell's decodings and its three files; once for each",
    )
    parser.add_argument(
        "--tests-shown",
        type=count,
        required=True,
        metavar="N",
        help="the prompt showed the first N tests of each task",
    )
    out(parser, "samples.jsonl")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.measures import measure

    cell = parse_settings(options.cell, CellId, "--cell")
    tasks = read_tasks(options.tasks)
    samples = []
    for decoding, completions, executions, ruff in options.decoding:
        samples += measure(
            DecodedCellId(**cell.model_dump(), decoding=decoding),
            tasks,
            read_jsonl(Path(completions), Completion),
            read_jsonl(Path(executions), Execution),
            read_jsonl(Path(ruff), LintReport),
            options.tests_shown,
        )
    write_jsonl(options.out, samples)
