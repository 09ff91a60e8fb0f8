"""Measures executions per second. Contenders take turns, each time in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence, Set
from typing import Any

from rlvf.errors import RlvfError
from rlvf.records import Task
from speed import REPOSITORY, say
from speed.contenders import ENVIRONMENT, PASSES

# In seconds, these limits for the start and for each task are far above what any contender takes.
_START, _EACH = 120.0, 2.0
_NAMED = 5


def measure_execution(
    tasks: Sequence[Task],
    contenders: Sequence[str],
    repeat: int,
    cores: int,
    in_trainer: bool = False,
    faulty: Set[str] = frozenset(),
) -> dict[str, dict[str, Any]]:
    """Return for each contender the `seconds` that it took for all tasks, by PASSES and repetition.
    In a trainer, also return the size of its process, or the contender's failure, which is allowed
    for all but the sandbox. The solutions of `faulty` tasks are wrong.

    Raises:
        RlvfError: a contender breaks down, fails a right solution, or passes a wrong one.
    """
    rows: dict[str, dict[str, Any]] = {
        name: {"seconds": {one: [] for one in PASSES}} for name in contenders
    }
    where = " in a trainer" if in_trainer else ""
    for repetition in range(1, repeat + 1):
        # Contenders take turns, so that other work of the machine affects all alike.
        for name, row in rows.items():
            if "failure" in row:
                continue
            try:
                outcome = _run(name, tasks, cores, in_trainer, faulty)
            except RlvfError as error:
                if not in_trainer or name == "sandbox":
                    raise
                rows[name] = {"failure": str(error)}
                say(f"{name}{where} {repetition}/{repeat}: {error}")
                continue
            for one, taken in outcome["seconds"].items():
                row["seconds"][one].append(taken)
            if in_trainer:
                row["process"] = outcome["process"]
            rate = ", then ".join(
                f"{len(tasks) / taken / cores:.0f}" for taken in outcome["seconds"].values()
            )
            say(f"{name}{where} {repetition}/{repeat}: {rate} executions/s per core")
    return rows


def _run(
    name: str, tasks: Sequence[Task], cores: int, in_trainer: bool, faulty: Set[str]
) -> dict[str, Any]:
    job = {
        "contender": name,
        "cores": cores,
        "in_trainer": in_trainer,
        "tasks": [task.model_dump() for task in tasks],
    }
    outcome = _outcome(name, json.dumps(job), _START + _EACH * len(tasks))
    failed = outcome["failed"]
    for verdict, wrong in (
        ("fails the solution of", [one for one in failed if one not in faulty]),
        ("passes the faulty solution of", sorted(faulty.difference(failed))),
        ("passes nonsense for", outcome["fooled"]),
    ):
        if wrong:
            more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            raise RlvfError(f"{name} {verdict} {', '.join(wrong[:_NAMED])}{more}")
    return outcome


def _outcome(name: str, job: str, limit: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "speed.contenders"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, **ENVIRONMENT}
    with subprocess.Popen(
        command, text=True, cwd=REPOSITORY, env=environment, process_group=0, **pipes
    ) as process:
        try:
            output, errors = process.communicate(job, limit)
        except subprocess.TimeoutExpired:
            raise RlvfError(f"{name} has not ended after {limit:.0f} s") from None
        finally:
            # The processes that it has forked are killed as well: they may hang, and they keep the
            # pipes open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        reason = errors.strip().rpartition("\n")[2] or f"status {process.returncode}"
        raise RlvfError(f"{name} broke down: {reason}")
    return json.loads(output)
