"""Reads inputs that several sub-commands share."""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvf.cells import read_cells
from rlvf.config import FiguresSettings
from rlvf.errors import RlvfError
from rlvf.records import Completion, Execution, LintReport, R, Task, read_jsonl, read_tasks
from rlvf.settings import validate

if TYPE_CHECKING:
    from rlvf.analysis.results import Results


def read_all(paths: list[Path], record: type[R]) -> list[R]:
    """Return the records of several files, one file after the other."""
    return [one for path in paths for one in read_jsonl(path, record)]


def read_results(options: argparse.Namespace, settings: FiguresSettings, **more: Any) -> "Results":
    """Read what a study's results are computed from: the options `cells` and `samples`. `settings`
    has the scale and the study's own settings; `more` is handed on to Results.

    Raises:
        RlvfError: a file cannot be read, samples and cells do not belong together, or the study's
            settings are not as its module says.
    """
    from rlvf.analysis.results import Results
    from rlvf.analysis.summary import load_samples
    from rlvf.studies import study_of

    study = read_cells(options.cells)
    return Results(
        cells=study,
        samples=load_samples(options.samples, study),
        scale=settings.scale,
        settings=validate(study_of(study).Settings, settings.analysis, "--settings: analysis"),
        **more,
    )


def vetted_tasks(path: Path) -> list[Task]:
    """Read tasks whose tests are to be run, and check that they can be.

    Raises:
        RlvfError: see `rlvf.sandbox.vetting.vet`; or the file does not hold tasks.
    """
    from rlvf.sandbox.vetting import vet

    tasks = read_tasks(path)
    vet(tasks, path)
    return tasks


def read_answers(
    completions: Path, tasks: list[Task], origin: Path
) -> list[tuple[Completion, Task]]:
    """Read completions and return each with the task that it answers.

    Raises:
        RlvfError: a completion is of none of the tasks, which were read from `origin`.
    """
    by_id = {task.task_id: task for task in tasks}
    answers = []
    for number, completion in enumerate(read_jsonl(completions, Completion), 1):
        if completion.task_id not in by_id:
            raise RlvfError(
                f"{completions}:{number}: task {completion.task_id!r} is not in {origin}"
            )
        answers.append((completion, by_id[completion.task_id]))
    return answers


def read_checks(
    checks: Collection[str], executions: Path | None, ruff: Path | None
) -> dict[str, list[Execution] | list[LintReport]]:
    """Read what the checks of an environment found out, by the names of its `measure`'s arguments.

    Raises:
        RlvfError: a check's file is not given, or one is given of a check that there is not.
    """
    found = {}
    for check, option, path, name, record in (
        ("execute", "--executions", executions, "executions", Execution),
        ("lint", "--ruff", ruff, "reports", LintReport),
    ):
        if (path is not None) != (check in checks):
            problem = "is missing" if path is None else "is not wanted"
            raise RlvfError(f"{option} {problem}: checks here are {', '.join(checks) or 'none'}")
        if path is not None:
            found[name] = read_jsonl(path, record)
    return found
