"""Programs give what they give where the interpreter runs them: `python -I FILE < STDIN`."""

import subprocess
import sys

import pytest

from rlvf.errors import RlvfError
from rlvf.sandbox import Candidate
from rlvf.sandbox.judge import plan

from .conftest import make_task
from .programs import ALIKE, FORBIDDEN


def run_by_the_interpreter(program, folder):
    """Its status and its output."""
    file, stdin = folder / "program.py", folder / "stdin"
    file.write_text(program.code, encoding="utf-8")
    stdin.write_bytes(program.stdin.encode())
    with open(stdin, "rb") as source:
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", file],
            stdin=source,
            capture_output=True,
            cwd=folder,
            timeout=20,
            check=False,
        )
    return done.returncode, done.stdout


def stdio(program, stdout):
    return {"kind": "stdio", "stdin": program.stdin, "stdout": stdout}


@pytest.mark.parametrize("name", ALIKE)
def test_a_program_gives_what_it_gives_elsewhere(sandbox, tmp_path, name):
    program = ALIKE[name]
    status, output = run_by_the_interpreter(program, tmp_path)
    expected = output.decode(errors="replace")
    task = make_task(stdio(program, expected))
    (execution,) = sandbox.execute([Candidate(task, 0, program.code)])
    assert execution.stdout == expected
    assert (execution.verdict == "passed") is (status == 0), execution


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_on_purpose(sandbox, tmp_path, name):
    program = FORBIDDEN[name]
    status, output = run_by_the_interpreter(program, tmp_path)
    assert status == 0
    task = make_task(stdio(program, output.decode()))
    (execution,) = sandbox.execute([Candidate(task, 0, program.code)])
    assert execution.verdict in ("blocked", "runtime_error", "out_of_memory")


# ---------------------------------------------------------------- what comes before the candidate


STARS = "from math import *\nfrom typing import *\nlimit = 7\n"


@pytest.mark.parametrize(
    ("code", "test", "verdict"),
    [
        ("def f(x: List[int]): return floor(x[0]) + limit", "assert f([1.5]) == 8", "passed"),
        ("limit = 1\ndef f(x): return x + limit", "assert f(1) == 2", "passed"),
        (
            "from __future__ import annotations\ndef f(x: No): return x",
            "assert f(1) == 1",
            "passed",
        ),
        ("def f(x): return x", "assert f(1) == limit", "wrong_answer"),
        ("def f(x): return x\ndel limit", "assert f(1) == limit", "runtime_error"),
        ("print(comb(4, int(input())))", {"kind": "stdio", "stdin": "2", "stdout": "6"}, "passed"),
        ("print(limit); limit = 8", {"kind": "stdio", "stdin": "", "stdout": "7"}, "passed"),
        ("exit()", "assert f(1) == 1", "runtime_error"),
        ("def f(x) return x", "assert f(1) == 1", "syntax_error"),
    ],
)
def test_a_prelude_runs_before_the_candidate(run, code, test, verdict):
    assert run(code, test, test, prelude=STARS).verdict == verdict


def test_lines_are_those_of_the_candidate(run):
    tests = ("assert f(1) == 1", {"kind": "stdio", "stdin": "", "stdout": ""})
    execution = run("\ndef f(x): pass\n1 / 0", *tests, prelude=STARS)
    assert execution.message == "division by zero (line 3)"


@pytest.mark.parametrize(
    "test", ["assert f(1) == 1", {"kind": "stdio", "stdin": "", "stdout": "1"}], ids=["", "stdio"]
)
@pytest.mark.parametrize(
    ("prelude", "error_type"),
    [
        ("import nothing", "ModuleNotFoundError"),
        ("raise SystemExit", "SystemExit"),
        ("import os; os._exit(0)", "SystemExit"),
        ("import os; os.abort()", None),
    ],
)
def test_a_prelude_that_fails_is_not_the_candidates_fault(run, prelude, error_type, test):
    for code in ("def f(x): return x\nprint(1)", "1 / 0"):
        execution = run(code, test, prelude=prelude)
        assert (execution.verdict, execution.error_type) == ("infrastructure_error", error_type)
        assert execution.message.startswith("the task's prelude does not run: ")


def test_a_candidate_cannot_blame_the_prelude(run):
    frame = b'\0\0\0\x11["error","E","m"]'
    code = f"import os\nos.write(3, {frame!r})\ndef f(x): return x"
    for prelude in ("", "x = 1"):
        for test in ("assert f(1) == 2", {"kind": "stdio", "stdin": "", "stdout": "1"}):
            assert run(code, test, prelude=prelude).verdict in ("runtime_error", "wrong_answer")


def test_a_prelude_that_does_not_compile_is_named(sandbox):
    with pytest.raises(RlvfError, match=r"t/1: its prelude is not valid Python: .*line 1"):
        plan(make_task("assert f(1) == 1", prelude="import"))


def test_an_empty_prelude_is_not_written():
    task = make_task("assert f(1) == 1")
    assert "prelude" not in task.model_dump_json()
    assert '"prelude":"x = 1"' in task.model_copy(update={"prelude": "x = 1"}).model_dump_json()
    assert type(task).model_validate_json(task.model_dump_json()) == task


# ---------------------------------------------------------------- several tests of one candidate


def test_each_test_of_a_program_begins_anew(run):
    code = """
import builtins, math, os, sys
assert not hasattr(builtins, 'seen') and not hasattr(math, 'seen'), 'seen'
assert sys.stdin.tell() == 0 and 'a' not in os.environ
builtins.seen = math.seen = 1
os.environ['a'] = 'b'
print(input())
"""
    tests = [{"kind": "stdio", "stdin": f"{n}\n", "stdout": f"{n}\n"} for n in range(5)]
    execution = run(code, *tests, "assert math.pi > 3")
    assert [test.verdict for test in execution.tests[:5]] == ["passed"] * 5, execution


def test_the_text_of_a_program_is_looked_at_once_and_the_same_is_found(run):
    stdio = [{"kind": "stdio", "stdin": "", "stdout": "1"}] * 3
    execution = run("print(", *stdio, "assert f(1) == 1")
    assert [test.verdict for test in execution.tests] == ["syntax_error"] * 4
    # More than a file may have, once constants are folded.
    large = "x = [" + ",".join(f"'{n:04}' * 1000" for n in range(5000)) + "]\nprint(1)"
    verdicts = {test.verdict for test in run(large, *stdio).tests}
    assert verdicts == {"out_of_memory"}


def test_tests_after_a_lost_program_share_its_verdict_and_the_next_candidate_runs(sandbox):
    code = "import os\nif input() == '1': os.abort()\nprint(1)"
    tests = [{"kind": "stdio", "stdin": f"{n}\n" + "x" * 10**6, "stdout": "1"} for n in range(4)]
    lost, next_one = sandbox.execute(
        [Candidate(make_task(*tests), n, one) for n, one in enumerate((code, "print(1)"))]
    )
    assert [test.verdict for test in lost.tests] == ["passed"] + ["crashed"] * 3
    assert [test.verdict for test in next_one.tests] == ["passed"] * 4
