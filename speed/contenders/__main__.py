"""The process of one contender. It reads a job as JSON from standard input and writes the outcome
to standard output."""

import contextlib
import importlib
import json
import os
import sys
import time

from speed import SCRATCH
from speed.contenders import PASSES

_WARM_UP = 16


def main() -> None:
    sys.path.append(str(SCRATCH))
    job = json.load(sys.stdin)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job["cores"]])
    tasks = job["tasks"]
    module = importlib.import_module(f"{__package__}.{job['contender'].replace('-', '_')}")
    with contextlib.closing(module.Contender(job["cores"])) as contender:
        process = None
        if job["in_trainer"]:
            process = importlib.import_module(f"{__package__}.trainer").size()
        prepared = [contender.prepare(task) for task in tasks]
        contender.check(prepared[:_WARM_UP])
        seconds, passed = [], [True] * len(prepared)
        for _ in PASSES:
            start = time.perf_counter()
            outcome = contender.check(prepared)
            seconds.append(time.perf_counter() - start)
            passed = [before and now for before, now in zip(passed, outcome, strict=True)]
        # Wrong solutions are checked too, since a contender that passes everything would be fast.
        wrong = [_spoiled(task) for task in tasks[:_WARM_UP]]
        fooled = contender.check([contender.prepare(task) for task in wrong])
    outcome = {
        "seconds": dict(zip(PASSES, seconds, strict=True)),
        "process": process,
        "failed": [task["task_id"] for task, ok in zip(tasks, passed, strict=True) if not ok],
        "fooled": [task["task_id"] for task, ok in zip(wrong, fooled, strict=True) if ok],
    }
    print(json.dumps(outcome))


def _spoiled(task: dict) -> dict:
    return {**task, "reference": f"def {task['entry_point']}(*_): return object()"}


if __name__ == "__main__":
    main()
