"""Reads inputs that several sub-commands share."""

from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.records import Completion, R, Task, read_jsonl, read_tasks


def read_all(paths: list[Path], record: type[R]) -> list[R]:
    """Return the records of several files, one file after the other."""
    return [one for path in paths for one in read_jsonl(path, record)]


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
