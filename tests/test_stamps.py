"""Which definitions a stage's stamps come to."""

import sys

import pytest

from rlvf.stamps import stamps


def files(stage, *arguments, **options):
    return {one.partition("@")[0] for one in stamps(stage, *arguments, **options) if "@" in one}


def test_a_stage_comes_to_what_it_runs_also_in_other_processes():
    execute = files("execute")
    assert {"rlvf/sandbox/client.py", "rlvf/sandbox/inside/server.py"} <= execute
    assert "rlvf/sandbox/inside/candidate.py" in execute
    assert not any("training" in one or "analysis" in one or "lint" in one for one in execute)


def test_what_a_use_does_not_come_to_is_left_out():
    everything = files("train")
    without = files("train", unused=("rlvf.sandbox.client", "rlvf.lint"))
    assert {"rlvf/lint.py", "rlvf/sandbox/judge.py"} <= everything - without
    assert "rlvf/sandbox/inside/examiner.py" in files("train", unused=("rlvf.sandbox.client",))
    assert "rlvf/training/grpo.py" in without


def test_kinds_are_those_that_are_named():
    mbpp = files("tasks", kinds=("rlvf.benchmarks.mbpp",))
    assert "rlvf/benchmarks/mbpp.py" in mbpp
    assert "rlvf/benchmarks/minimbpp.py" not in mbpp


def test_files_that_a_package_reads_count_with_it():
    folder = "rlvf/analysis/explorer"
    read = {f"{folder}/page.{kind}" for kind in ("html", "css", "js")}
    assert read | {f"{folder}/data.py"} <= files("explorer")
    assert not read & files("tables")


def test_packages_follow_the_files():
    packages = [one.partition("==")[0] for one in stamps("lint") if "@" not in one]
    assert packages == ["ruff", "python"]
    version = f"python=={sys.version_info.major}.{sys.version_info.minor}"
    assert all(version in stamps(stage) for stage in ("train", "execute", "lint", "measure"))
    assert stamps("control", ("no-such-package",))[-1] == "no-such-package is not installed"


@pytest.mark.parametrize(
    "stage",
    [
        *("tasks", "fetch", "pretrain", "train", "generate", "control"),
        *("execute", "lint", "measure", "tables", "claims", "figures", "cost", "explorer"),
        "paper",
    ],
)
def test_every_stage_comes_to_its_own_command_and_not_to_all(stage):
    assert [one for one in files(stage) if "/commands/" in one and "/_" not in one] == [
        f"rlvf/commands/{stage}.py"
    ]
    assert "rlvf/runs/plan.py" not in files(stage)
