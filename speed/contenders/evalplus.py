"""evalplus's checker, in a pool of processes as its `evaluate` runs it.

Only the checker is imported, so that the process is smaller than that of `evaluate`
(evalplus_evaluate.py). The pool forks its processes when it is first used, which is from a trainer
if this process has become one by then.
"""

from concurrent.futures import ProcessPoolExecutor
from typing import Any

from evalplus.eval import PASS, untrusted_check
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS

from speed.calls import split_call
from speed.contenders import TIMEOUT


class Contender:
    def __init__(self, cores: int):
        self._processes = ProcessPoolExecutor(cores)

    def prepare(self, task: dict[str, Any]) -> dict[str, Any]:
        entry_point = task["entry_point"]
        calls = [split_call(test["code"], entry_point) for test in task["tests"]]
        expected = [value for _, value in calls]
        if entry_point in MBPP_OUTPUT_NOT_NONE_TASKS:  # evalplus expects this of these
            expected = [value is not None for value in expected]
        return {
            "dataset": "mbpp",
            "code": f"{task['reference']}\n{task['setup']}",
            "inputs": [arguments for arguments, _ in calls],
            "entry_point": entry_point,
            "expected": expected,
            "atol": 0,
            "ref_time": [0.0] * len(calls),
            "fast_check": True,
            "min_time_limit": TIMEOUT,
        }

    def check(self, problems: list[dict[str, Any]]) -> list[bool]:
        return list(self._processes.map(_passes, problems))

    def close(self) -> None:
        self._processes.shutdown()


def _passes(problem: dict[str, Any]) -> bool:
    status, _ = untrusted_check(**problem)
    return status == PASS
