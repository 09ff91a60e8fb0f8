"""The speed comparison of benchmarks/: that it runs, and that nobody is fast by being wrong."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.calls import NotACall, split_call
from benchmarks.execution import measure_execution
from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Task
from tests.conftest import REPOSITORY

DOUBLE = Task(
    task_id="double",
    prompt="",
    entry_point="double",
    tests=[AssertTest(kind="assert", code="assert double(2) == 4")],
    reference="def double(number):\n    return 2 * number\n",
    split="test",
)


def benchmarks(*arguments, **variables):
    environment = {key: value for key, value in os.environ.items() if key != "RLVF_MBPP"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**environment, **variables},
        timeout=120,
        check=False,
    )


def test_everyone_who_needs_no_other_package_is_measured(mbpp_path, tmp_path):
    parts = "sandbox,fresh-interpreter,bare-fork,lint"
    done = benchmarks(
        *("--only", parts, "--limit", 4, "--repeat", 2, "--out", tmp_path, "--mbpp", mbpp_path)
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["execution"]["tasks"] == 4
    contenders = results["execution"]["contenders"]
    assert list(contenders) == ["sandbox", "fresh-interpreter", "bare-fork"]
    for row in (*contenders.values(), *results["lint"]["ways"].values()):
        assert len(row["seconds"]) == 2
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert row["ratio"] > 0
    assert contenders["sandbox"]["ratio"] == 1
    tables = (tmp_path / "results.md").read_text()
    assert tables in done.stdout
    assert "a bare fork" in tables
    assert str(REPOSITORY) not in tables + json.dumps(results)


@pytest.mark.parametrize("contender", ["sandbox", "fresh-interpreter", "bare-fork"])
def test_a_wrong_verdict_is_an_error(contender):
    wrong = DOUBLE.model_copy(update={"reference": "def double(number):\n    return number\n"})
    assert len(measure_execution([DOUBLE], [contender], 1, 1)[contender]) == 1
    with pytest.raises(RlvfError, match=f"{contender} fails the solution of double"):
        measure_execution([wrong], [contender], 1, 1)


def test_tests_that_let_everything_pass_are_an_error():
    idle = DOUBLE.model_copy(
        update={"tests": [AssertTest(kind="assert", code="assert double(2) or True")]}
    )
    with pytest.raises(RlvfError, match="bare-fork passes nonsense for double"):
        measure_execution([idle], ["bare-fork"], 1, 1)


def test_without_mbpp_one_line_says_what_to_do():
    done = benchmarks("--only", "sandbox")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "RLVF_MBPP" in done.stderr


def test_calls_are_split_into_arguments_and_expected_value():
    assert split_call("assert f((1, 2), 'a') == {3}", "f") == ([(1, 2), "a"], {3})


@pytest.mark.parametrize(
    "test", ["assert not f(1)", "assert f(1) > 2", "assert g(1) == 2", "assert f(x) == 2"]
)
def test_other_tests_are_not_calls(test):
    with pytest.raises(NotACall):
        split_call(test, "f")
