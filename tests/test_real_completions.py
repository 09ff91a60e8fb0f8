"""Answers of a real small model to real tasks (tests/smollm2): the sandbox says of them what plain
Python says, which runs the code, the set-up code and the tests as one file."""

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from rlvf.benchmarks import load_tasks
from rlvf.benchmarks.mbpp import Settings
from rlvf.environments.program.extraction import OPEN_BLOCK, extract_code
from rlvf.records import Completion, read_jsonl
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings
from tests.conftest import REPOSITORY

LIMITS = SandboxSettings(timeout=2.0)
OPENED = {"chat": "", "base": OPEN_BLOCK}
# By file and task: what the sandbox says instead, and why. So far it forbids none of them anything.
EXCEPTIONS = {
    # An assert of the answer's own fails: an error in it, and no test was wrong yet.
    "chat": {"mbpp/235": "runtime_error"},
    "base": {},
}


@pytest.mark.parametrize("prompt", OPENED)
def test_verdicts_are_those_of_plain_python(prompt, mbpp_path, tmp_path):
    tasks = {task.task_id: task for task in load_tasks(Settings(source=str(mbpp_path)), "test")}
    completions = read_jsonl(REPOSITORY / "tests" / "smollm2" / f"{prompt}.jsonl", Completion)
    candidates = [
        Candidate(task, 0, extract_code(one.completion, task.entry_point, OPENED[prompt]))
        for one in completions
        for task in [tasks[one.task_id]]
    ]
    with Sandbox(LIMITS, workers=2) as sandbox:
        found = {
            execution.task_id: next(
                (test.verdict for test in execution.tests if test.verdict != "passed"), "passed"
            )
            for execution in sandbox.execute(candidates)
        }
    with ThreadPoolExecutor(2) as pool:
        places = [tmp_path / str(number) for number in range(len(candidates))]
        plain = dict(zip(found, pool.map(_plain_verdict, candidates, places), strict=True))
    assert found == plain | EXCEPTIONS[prompt]
    assert {"passed", "wrong_answer", "runtime_error"} <= set(found.values())


def _plain_verdict(candidate, folder):
    if candidate.code is None:
        return "no_code"
    folder.mkdir()
    path = folder / "answer.py"
    tests = [test.code for test in candidate.task.tests]
    path.write_text("\n".join([candidate.code, candidate.task.setup, *tests]) + "\n")
    done = subprocess.run(
        [sys.executable, "-I", path],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (2, 3)),
    )
    if done.returncode == 0:
        return "passed"
    if done.returncode < 0:
        return "timeout"
    *_, last = done.stderr.strip().splitlines()
    error = last.partition(":")[0]
    return _OF_ERRORS.get(error, "runtime_error")


_OF_ERRORS = dict.fromkeys(("SyntaxError", "IndentationError", "TabError"), "syntax_error")
_OF_ERRORS |= {"AssertionError": "wrong_answer", "MemoryError": "out_of_memory"}
