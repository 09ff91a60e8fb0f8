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
    assert "rlvf/training/run.py" in without


def test_a_training_comes_to_its_recipe():
    recipe = files("train", kinds=("rlvf.recipes.grpo",))
    assert {"rlvf/recipes/grpo.py", "rlvf/training/group.py"} <= recipe
    assert "rlvf/training/group.py" not in files("train")


def test_kinds_are_those_that_are_named():
    mbpp = files("tasks", kinds=("rlvf.benchmarks.mbpp",))
    assert "rlvf/benchmarks/mbpp.py" in mbpp
    assert "rlvf/benchmarks/minimbpp.py" not in mbpp


@pytest.mark.parametrize(
    ("stage", "parts"),
    [
        ("generate", {"prompts", "extraction"}),
        ("control", set()),
        ("measure", {"extraction", "samples", "hacking"}),
        # These depend on what samples and hacks are called, not on how they are found.
        ("tables", {"measures", "samples", "hacking"}),
        ("claims", {"measures", "samples", "hacking"}),
        ("figures", {"measures", "samples", "hacking"}),
        # These are of programs alone, and come to no environment by its name.
        ("pretrain", {"prompts", "extraction"}),
        ("train", {"prompts", "extraction"}),
        ("execute", {"extraction"}),
        ("lint", {"extraction"}),
    ],
)
def test_a_stage_comes_to_the_parts_of_an_environment_that_it_uses(stage, parts):
    folder = "rlvf/environments/program/"
    found = {one for one in files(stage, environments=("program",)) if one.startswith(folder)}
    assert found - {f"{folder}__init__.py"} == {f"{folder}{part}.py" for part in parts}


def test_how_samples_are_found_concerns_their_stage_alone():
    of_samples = "rlvf/environments/program/samples.py"
    measure, tables = (
        [one for one in stamps(stage, environments=("program",)) if one.startswith(of_samples)]
        for stage in ("measure", "tables")
    )
    assert measure != tables


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
