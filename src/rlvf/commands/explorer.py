"""Make the page on which people read a study's completions."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rlvf.cells import read_cells
from rlvf.commands._options import cells, out, scale
from rlvf.environments.program import Sample
from rlvf.records import Completion, Execution, LintReport, read_jsonl, read_tasks

if TYPE_CHECKING:
    from rlvf.analysis.explorer import Evaluated

PACKAGES = ("jinja2", "pygments")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cells(parser)
    parser.add_argument(
        "--evaluation",
        nargs=5,
        action="append",
        required=True,
        metavar=("TASKS", "COMPLETIONS", "EXECUTIONS", "RUFF", "SAMPLES"),
        help="the files of an evaluation of a cell; once for each",
    )
    scale(parser)
    out(parser, "explorer.html")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.explorer import write_explorer

    study = read_cells(options.cells)
    write_explorer(study, _evaluated(options.evaluation), options.scale, options.out)


def _evaluated(evaluations: list[list[str]]) -> "Iterator[Evaluated]":
    from rlvf.analysis.explorer import Evaluated

    tasks = {path: read_tasks(path) for path in dict.fromkeys(one[0] for one in evaluations)}
    for of_tasks, completions, executions, ruff, samples in evaluations:
        yield Evaluated(
            tasks[of_tasks],
            read_jsonl(completions, Completion),
            read_jsonl(executions, Execution),
            read_jsonl(ruff, LintReport),
            read_jsonl(samples, Sample),
        )
