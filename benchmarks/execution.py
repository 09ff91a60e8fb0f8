"""Executions per second: the contenders in turns, each time in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import REPOSITORY, say
from benchmarks.contenders import ENVIRONMENT
from rlvf.errors import RlvfError
from rlvf.records import Task


def measure_execution(
    tasks: Sequence[Task], contenders: Sequence[str], repeat: int, cores: int
) -> dict[str, list[float]]:
    """The seconds that each contender took for all tasks, each time.

    Raises:
        RlvfError: a contender breaks down, fails a right solution, or passes a wrong one.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for repetition in range(1, repeat + 1):
        # In turns, so that what else the machine does hits all alike.
        for name in contenders:
            taken = _run(name, tasks, cores)
            seconds[name].append(taken)
            rate = len(tasks) / taken / cores
            say(f"{name} {repetition}/{repeat}: {taken:.1f} s, {rate:.0f} executions/s per core")
    return seconds


def _run(name: str, tasks: Sequence[Task], cores: int) -> float:
    job = {"contender": name, "cores": cores, "tasks": [task.model_dump() for task in tasks]}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.contenders"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}"
        raise RlvfError(f"{name} broke down: {reason}")
    outcome = json.loads(done.stdout)
    for verdict, wrong in (("fails the solution of", "failed"), ("passes nonsense for", "fooled")):
        if outcome[wrong]:
            raise RlvfError(f"{name} {verdict} {', '.join(outcome[wrong])}")
    return outcome["seconds"]
