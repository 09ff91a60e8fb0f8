"""The manifest of a real study, and results that are not as it says."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from importlib.metadata import version

import pytest

from rlvf.config import TrainSettings
from rlvf.files import file_checksum
from rlvf.settings import parse_settings
from tests.conftest import REPOSITORY, skip_or_fail

MANIFEST = "ro-crate-metadata.json"
CELL = "rlvr/mini-qwen3/gspo-tests/seed1"
# What is no product, and not in the manifest.
BESIDE = {MANIFEST, "usage.md", "usage.csv"}


def results(copy):
    return copy.folder / "results" / "mini"


class Crate:
    def __init__(self, copy):
        graph = json.loads((results(copy) / MANIFEST).read_text())["@graph"]
        self.entities = {entity["@id"]: entity for entity in graph}

    def of_type(self, name):
        return [one for one in self.entities.values() if name in listed(one["@type"])]

    def get(self, entity, key):
        """What a property refers to."""
        return [self.entities[reference["@id"]] for reference in listed(entity[key])]


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def crate(made):
    return Crate(made)


@pytest.fixture(scope="module")
def training(crate):
    return crate.entities[f"#job/{CELL}/train"]


# ---------------------------------------------------------------- the manifest


def test_the_communitys_validator_finds_it_valid(made):
    packages = REPOSITORY / ".rocrate"
    if not packages.exists():
        skip_or_fail("needs the RO-Crate validator: make .rocrate/.installed")
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests" / "runs" / "validate.py", results(made)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]"), done.stdout + done.stderr


def test_every_file_is_the_result_of_a_job_and_has_its_checksum(made, crate):
    there = {
        path.relative_to(results(made)).as_posix()
        for path in results(made).rglob("*")
        if path.is_file() and path.name != ".snakemake_timestamp"
    }
    products = {path for path in there - BESIDE if path.split("/")[0] not in ("logs", "usage")}
    files = {one["@id"]: one for one in crate.of_type("File")}
    assert files.keys() == products
    for name, entity in files.items():
        assert entity["sha256"] == file_checksum(results(made) / name)

    made_by_jobs = {
        part["@id"]
        for action in crate.of_type("CreateAction")
        for result in crate.get(action, "result")
        for part in listed(result.get("hasPart", result))
    }
    assert {name for name in products if not name.startswith("workflow/")} == made_by_jobs


def test_a_training_has_its_settings_seed_and_resources(crate, training):
    found = {one["name"]: one["value"] for one in crate.get(training, "object") if "value" in one}
    settings = parse_settings(found["settings"], TrainSettings)
    assert settings.cell.policy == found["policy"] == "gspo-tests"
    assert found["seed"] == str(settings.cell.seed) == "1"
    assert json.loads(found["resources"])["mem_mb"] == 2000
    used = {one["name"]: float(one["value"]) for one in crate.get(training, "resourceUsage")}
    assert used["s"] > 1 and used["max_rss"] > 100


def test_a_training_has_its_inputs_code_and_packages(crate, training):
    (stage,) = crate.get(training, "instrument")
    assert stage["name"] == "train"
    packages = {one["@id"] for one in crate.get(stage, "softwareRequirements")}
    assert f"#trl=={version('trl')}" in packages
    assert "rlvf/recipes/grpo.py" in {one["name"] for one in crate.get(stage, "hasPart")}
    inputs = {one["@id"] for one in crate.get(training, "object")}
    assert {"models/mini-qwen3/", "rlvr/tasks/train.jsonl"} <= inputs
    assert f"--log results/mini/{CELL}/train.jsonl" in training["description"]


def test_a_training_has_its_time_and_machine(crate, training):
    assert training["startTime"] < training["endTime"]
    (place,) = crate.get(training, "location")
    assert place["name"] == socket.gethostname()
    found = {one["name"]: one["value"] for one in crate.get(place, "additionalProperty")}
    assert found["torch"].startswith(version("torch").partition("+")[0])


def test_what_is_not_made_here_is_an_input_with_its_checksum(made, crate):
    sources = ("paper/rlvr/paper.typ", "paper/rlvf.typ")
    inputs = crate.get(crate.entities["#job/rlvr/paper"], "object")
    found = {one["name"]: one["sha256"] for one in inputs if one["@type"] == "CreativeWork"}
    assert found == {name: file_checksum(made.folder / name) for name in sources}


def test_writing_it_again_changes_nothing(copy):
    before = (results(copy) / MANIFEST).read_bytes()
    assert copy.rlvf("manifest", "results/mini").returncode == 0
    assert (results(copy) / MANIFEST).read_bytes() == before


def test_without_a_former_one_it_is_the_same(copy):
    before = (results(copy) / MANIFEST).read_bytes()
    (results(copy) / MANIFEST).unlink()
    assert copy.rlvf("manifest", "results/mini").returncode == 0
    assert (results(copy) / MANIFEST).read_bytes() == before


def test_a_folder_without_results_has_none(copy):
    done = copy.rlvf("manifest", "results")
    assert done.returncode == 1
    assert done.stderr.startswith("rlvf manifest: error: results: Snakemake has made nothing there")


# ---------------------------------------------------------------- checking


def append(path):
    with open(path, "a") as file:
        file.write(" ")


def flip(path):
    text = bytearray(path.read_bytes())
    text[-2] ^= 1
    path.write_bytes(text)


def create(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (f"{CELL}/greedy/samples.jsonl", lambda path: path.unlink(), "missing"),
        (f"{CELL}/adapters", shutil.rmtree, "missing"),
        (f"{CELL}/adapters/final/adapter_model.safetensors", flip, "changed: sha256 is"),
        (f"{CELL}/train.jsonl", append, "changed: "),
        ("workflow/Snakefile", append, "changed: "),
        (f"{CELL}/notes.txt", create, "extra: no rule made it"),
        ("rlvr/tables/another.csv", create, "extra: no rule made it"),
        ("other/file", create, "extra: no rule made it"),
        (f"{CELL}/.checkpoints.lock", create, "left by a job that was killed"),
        (
            f"{CELL}/greedy/.samples.jsonl.abcd_123.partial",
            lambda path: create(path / "samples.jsonl"),
            "left by a job that was killed",
        ),
    ],
)
def test_what_is_not_as_in_the_manifest_is_named(copy, path, change, said):
    change(results(copy) / path)
    done = copy.rlvf("check", "results/mini")
    assert done.returncode == 1
    named = [line for line in done.stdout.splitlines() if line.startswith("results/mini/")]
    assert named and all(line.startswith(f"results/mini/{path}") for line in named)
    assert all(f": {said}" in line for line in named)
    assert f"{len(named)} files are not as in the manifest" in done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "logs/rlvr/another.log",
        "usage/rlvr/another.jsonl",
        f"{CELL}/checkpoints/checkpoint-4/state.pt",
        # Another scale's results.
        "other/logs/rlvr/tables.log",
    ],
)
def test_what_belongs_beside_products_is_not_extra(copy, path):
    create(results(copy) / path)
    append(results(copy) / "usage.md")
    done = copy.rlvf("check", "results/mini")
    assert done.returncode == 0
    assert done.stdout == "results/mini: all files are as in the manifest\n"


def test_a_changed_product_is_found_however_often_the_manifest_is_written(copy):
    flip(results(copy) / "rlvr" / "cost" / "cost.csv")
    assert copy.rlvf("manifest", "results/mini").returncode == 0
    assert copy.rlvf("check", "results/mini").returncode == 1


def test_the_advice_repairs(copy):
    flip(results(copy) / "rlvr" / "cost" / "cost.csv")
    done = copy.rlvf("check", "results/mini")
    advice = done.stdout.partition("To make them again: ")[2].partition(",")[0]
    assert shlex.split(advice) == ["rm", "-r", "results/mini/rlvr/cost"]
    subprocess.run(advice, shell=True, cwd=copy.folder, check=True)
    assert copy.plan() == {"study_cost": 1, "study_paper": 1}
    assert copy.run().returncode == 0
    assert copy.rlvf("check", "results/mini").returncode == 0


def test_the_advice_removes_what_killed_jobs_left(copy):
    create(results(copy) / CELL / ".samples.jsonl.abcd_123.partial" / "samples.jsonl")
    done = copy.rlvf("check", "results/mini")
    advice = done.stdout.partition("To remove what killed jobs have left: ")[2]
    subprocess.run(advice, shell=True, cwd=copy.folder, check=True)
    assert copy.rlvf("check", "results/mini").returncode == 0


def test_results_without_a_manifest_or_with_a_spoiled_one_cannot_be_verified(copy):
    (results(copy) / MANIFEST).write_text("{}")
    done = copy.rlvf("check", "results/mini")
    assert done.returncode == 1 and "cannot be read as a manifest" in done.stderr
    (results(copy) / MANIFEST).unlink()
    done = copy.rlvf("check", "results/mini")
    assert done.returncode == 1 and "by hand: rlvf manifest results/mini" in done.stderr


def test_a_run_that_fails_leaves_a_manifest_of_what_was_made(copy):
    shutil.rmtree(results(copy) / "rlvr" / "cost")
    (results(copy) / "rlvr" / "cost").write_text("")  # a folder cannot take its place
    (results(copy) / MANIFEST).unlink()
    copy.edit("paper/rlvr/paper.typ", "#show: paper", "#nothing: paper")
    assert copy.run().returncode == 1
    assert (results(copy) / MANIFEST).exists()
