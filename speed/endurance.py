"""Runs many candidates of all kinds to see whether anything grows or is left behind."""

import contextlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from rlvf.errors import RlvfError
from rlvf.progress import Progress
from rlvf.records import AssertTest, Execution, Task, Verdict
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings

# Candidates that hang soon use up their processor time. The limit by the clock is far longer, so
# that a busy machine changes no verdict.
_SETTINGS = SandboxSettings(timeout=0.2, wall_factor=50)
# In seconds, these are how long no process may have started or ended before the sandbox counts as
# idle, how often to look, and how long all processes may take to end.
_CALM = 0.5
_LOOK = 0.01
_PATIENCE = 30.0

_TASK = Task(
    task_id="endurance",
    prompt="",
    entry_point="squares",
    tests=[
        AssertTest(kind="assert", code=f"assert squares({n}) == {[i * i for i in range(n)]}")
        for n in (0, 3, 10)
    ],
    reference="",
    split="",
)


class _Kind(NamedTuple):
    share: float
    verdict: Verdict
    code: str


_KINDS = {
    "passing": _Kind(
        0.85, "passed", "def squares(n):\n    return [number * number for number in range(n)]\n"
    ),
    "wrong": _Kind(0.05, "wrong_answer", "def squares(n):\n    return list(range(n))\n"),
    "raising": _Kind(0.04, "runtime_error", "def squares(n):\n    return [1 / 0]\n"),
    "crashing": _Kind(
        0.02, "crashed", "import ctypes\ndef squares(n):\n    return ctypes.string_at(0)\n"
    ),
    "hoarding": _Kind(
        0.02,
        "out_of_memory",
        "def squares(n):\n    return (b'x' * (8 << 20)) * 1000\n",
    ),
    "forbidden": _Kind(0.015, "blocked", "import os\ndef squares(n):\n    return os.fork()\n"),
    "hanging": _Kind(0.005, "timeout", "def squares(n):\n    while True:\n        n += 1\n"),
}


def measure_endurance(count: int, cores: int, every: int = 1000) -> dict[str, Any]:
    """Run `count` candidates. After each `every` of them, measure what this process and those of
    the sandbox take up, and the executions a second and core since the last time.

    Raises:
        RlvfError: a verdict is not what that kind of candidate must get, or something is left
            behind.
    """
    shares = [kind.share for kind in _KINDS.values()]
    kinds = random.Random(0).choices(list(_KINDS), shares, k=count)
    samples = []
    progress = Progress("speed: endurance", count)
    with _scratch_folders() as folders:
        with Sandbox(_SETTINGS, cores) as sandbox:
            leaders: set[int] = set()
            counted, since = 0, time.perf_counter()
            for done, execution in enumerate(sandbox.execute(_candidates(kinds)), 1):
                _check(kinds[done - 1], execution)
                progress.update(done)
                if done % every == 0 or done == count:
                    leaders.update(sandbox.processes)
                    # By then the candidates that were read ahead are done as well, so that these
                    # numbers can be compared.
                    rate = (done - counted) / (_end_of_work(leaders) - since) / cores
                    samples.append({"executions": done, "rate": rate, **_taken_up(leaders)})
                    counted, since = done, time.perf_counter()
        deadline = time.perf_counter() + _PATIENCE
        while _sessions(leaders) and time.perf_counter() < deadline:
            time.sleep(_LOOK)
        if left := [*_sessions(leaders), *filter(os.path.exists, folders)]:
            raise RlvfError(f"the sandbox leaves behind: {', '.join(map(str, left))}")
    numbers = {kind: kinds.count(kind) for kind in _KINDS}
    return {"executions": count, "cores": cores, "kinds": numbers, "samples": samples}


def _candidates(kinds: list[str]) -> Iterator[Candidate]:
    for number, kind in enumerate(kinds):
        yield Candidate(_TASK, number, f"{_KINDS[kind].code}# {number}\n")


def _check(kind: str, execution: Execution) -> None:
    if execution.verdict != _KINDS[kind].verdict:
        raise RlvfError(
            f"candidate {execution.sample_id} ({kind}) got {execution.verdict} in place of "
            f"{_KINDS[kind].verdict}: {execution.message}"
        )


@contextlib.contextmanager
def _scratch_folders() -> Iterator[list[str]]:
    """Collect the temporary folders that are made within, including those of servers that are
    replaced."""
    folders = []
    make = tempfile.mkdtemp

    def noted(*arguments: Any, **options: Any) -> str:
        folders.append(make(*arguments, **options))
        return folders[-1]

    with mock.patch("tempfile.mkdtemp", noted):
        yield folders


def _end_of_work(leaders: set[int]) -> float:
    """Wait until the sandbox has nothing to do, and return since when that is so."""
    seen, since = _sessions(leaders), time.perf_counter()
    while time.perf_counter() - since < _CALM:
        time.sleep(_LOOK)
        if (now := _sessions(leaders)) != seen:
            seen, since = now, time.perf_counter()
    return since


def _sessions(leaders: set[int]) -> list[int]:
    """Return the processes of the sandbox, which are in the sessions that its servers lead."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(ValueError, ProcessLookupError):
            if os.getsid(int(entry.name)) in leaders:
                found.append(int(entry.name))
    return found


def _taken_up(leaders: set[int]) -> dict[str, float]:
    processes = _sessions(leaders)
    return {
        "memory": _memory(os.getpid()),
        "files": _count("/proc/self/fd"),
        "threads": _count("/proc/self/task"),
        "processes": len(processes),
        "processes_memory": sum(map(_memory, processes)),
    }


def _count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _memory(process: int) -> float:
    """Return the memory of a process in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)
