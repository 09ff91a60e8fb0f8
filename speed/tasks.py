"""Loads the MBPP tasks that every contender runs."""

import os
from pathlib import Path

from rlvf.benchmarks import mbpp
from rlvf.benchmarks.mbpp import SPLITS, load
from rlvf.errors import RlvfError
from rlvf.records import Task
from speed.calls import NotACall, split_call

_SLOW = {"mbpp/123": "its solution computes for seconds, with whoever runs it"}


def load_tasks(path: Path | None, limit: int | None) -> tuple[list[Task], dict[str, str]]:
    """Return the first `limit` tasks that every contender can run, and why others are left out.

    Raises:
        RlvfError: no file is given, or it is not MBPP.
    """
    path = path or os.environ.get("RLVF_MBPP")
    if not path:
        raise RlvfError(
            "needs the publisher's mbpp.jsonl: set RLVF_MBPP=/path/to/mbpp.jsonl, or --mbpp FILE"
        )
    settings = mbpp.Settings(source=str(path))
    tasks, left_out = [], dict(_SLOW)
    for task in (task for split in SPLITS for task in load(settings, split)):
        try:
            for test in task.tests:
                split_call(test.code, task.entry_point)
        except NotACall as error:
            left_out[task.task_id] = str(error)
        if task.task_id not in left_out:
            tasks.append(task)
    return tasks[:limit], left_out
