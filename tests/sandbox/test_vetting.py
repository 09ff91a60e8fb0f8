"""Tests that cannot be run, or that nothing can fail, are named before any work is done."""

import json

import pytest

from rlvf.benchmarks import mbpp
from rlvf.cli import main
from rlvf.errors import RlvfError
from rlvf.sandbox.vetting import vet

from .conftest import make_task

ALWAYS, NOTHING, EMPTY, INVALID = "always true", "asks nothing", "is empty", "not valid Python"
BARE = "compares without"


def call(function, expected=1):
    return {"kind": "call", "function": function, "args": [1], "expected": expected}


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        *((text, INVALID) for text in ("assert f(1) ==", "return f(1)", "assert f(1); break")),
        *((text, INVALID) for text in ("assert (yield f(1))", "assert f(1) == '\0'", "f(\ud800)")),
        *((f"assert f(1) == {text}", INVALID) for text in ("9" * 5000, "-" * 9999 + "1")),
        *((text, EMPTY) for text in ("", " \n", "# f(1) == 2", "pass", "'f(1) == 2'", "...")),
        *((f"assert {text}", ALWAYS) for text in ("(f(1) == 2, 'why')", "[f(1)]", "{f(1): 2}")),
        *((f"assert {text}", ALWAYS) for text in ("(f(x) for x in [1])", "lambda: f(1) == 2")),
        *((f"assert {text}", ALWAYS) for text in ("f(1) == 2 or True", "f(1) == 2 or 'why'")),
        *((f"assert {text}", NOTHING) for text in ("True", "1 + 1 == 2", "'f(1) == 2'", "()")),
        *((f"assert {text}", NOTHING) for text in ("False and f(1)", "math.pi > 3", "1 / 0")),
        *((text, NOTHING) for text in ("x = 1\nassert x == 1", "import math\nassert math.pi")),
        *((text, BARE) for text in ("f(1) == 2", "f(1) == 2\nf(2) == 3")),
        *((call(text), INVALID) for text in ("f(", "x = f", "", "f; f")),
        *((call(text), NOTHING) for text in ("len", "lambda x: x", "math.sqrt")),
        *((call("f", value), "too large, or too deep") for value in (nested(200), ["x" * 10**7])),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_a_test_that_tests_nothing_is_named(tmp_path, test, problem):
    good = make_task("assert f(1) == 2")
    with pytest.raises(RlvfError, match=problem) as error:
        vet([good, make_task("assert f(1) == 2", test)], tmp_path / "tasks.jsonl")
    text = str(error.value)
    assert text.startswith(f"{tmp_path}/tasks.jsonl:2: task 't/1': ")
    assert "test 2" in text and "\n" not in text and len(text) < 600


@pytest.mark.parametrize(
    ("test", "task"),
    [
        *((test, {}) for test in ("f(1)", "x = f(1)", "assert f", "assert f(1), 'why'")),
        *((test, {}) for test in ("assert (*f(1),)", "assert (f(1) == 2), 'why'")),
        *((test, {}) for test in ("for x in [1]:\n    assert f(x) == 2", "exec('assert f(1)')")),
        ("def check(g):\n    assert g(1) == 2\ncheck(f)", {}),
        ("try:\n    f(1)\nexcept ValueError:\n    pass\nelse:\n    assert False", {}),
        ("from candidate import f as g\nassert g(1) == 2", {}),
        ("assert check(1)", {"setup": "def check(x): return f(x) == 2"}),
        ("assert gcd(4, 6) == 2", {"entry_point": "gcd", "setup": "from math import *"}),
        ("assert sum(1) == 2", {"entry_point": "sum"}),
        ("assert Solution().f(1) == 2", {"entry_point": "Solution"}),
        *((call(function), {}) for function in ("f", "Solution().f", "lambda x: f(x)")),
        ({"kind": "stdio", "stdin": "", "stdout": ""}, {"entry_point": ""}),
    ],
)
def test_other_tests_are_taken(test, task):
    vet([make_task(test, **task)])


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        *(({"entry_point": name}, "not a name") for name in ("", "a.b", "class", "f()", "1")),
        *(({"setup": code}, "setup is not valid Python") for code in ("x =", "return", "\0")),
    ],
)
def test_what_a_task_gives_to_its_tests_is_looked_at(task, problem):
    with pytest.raises(RlvfError, match=f"^task 't/1': .*{problem}"):
        vet([make_task("assert f(1) == 2", **task)])


@pytest.mark.parametrize("name", ["stdin", "stdout"])
def test_what_is_larger_than_a_file_in_the_sandbox_is_refused(name):
    test = {"kind": "stdio", "stdin": "", "stdout": ""} | {name: "é" * (8 << 20)}
    with pytest.raises(RlvfError, match=f"^task 't/1': test 1 has a {name} of 16 MiB or more"):
        vet([make_task(test)])


def test_all_of_mbpp_is_taken(mbpp_path):
    settings = mbpp.Settings(source=str(mbpp_path))
    for split in mbpp.SPLITS:
        vet(mbpp.load(settings, split))


def test_nothing_is_executed_for_a_file_with_such_a_test(tmp_path, capsys):
    tasks, completions = tmp_path / "tasks.jsonl", tmp_path / "completions.jsonl"
    tasks.write_text(make_task("assert (f(1) == 2, 'why')").model_dump_json())
    completions.write_text(json.dumps({"task_id": "t/1", "sample_id": 0, "completion": "x = 1"}))
    files = ["--tasks", str(tasks), "--completions", str(completions)]
    assert main(["execute", *files, "--out", str(tmp_path / "out.jsonl")]) == 1
    assert (
        "tasks.jsonl:1: task 't/1': test 1 asserts what is always true" in capsys.readouterr().err
    )
    assert not (tmp_path / "out.jsonl").exists()
