"""Results that go on elsewhere: packed in one checkout, unpacked in a fresh one at another path."""

import os
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from rlvf.benchmarks.mbpp import content_checksum
from tests.conftest import REPOSITORY
from tests.hub import REVISION, mbpp_files
from tests.workflow.conftest import FILES, Copy, planned
from tests.workflow.test_fetch import ROWS

CONFIG = " ".join(("config.yaml", *FILES))


def archive(copy, config=CONFIG):
    """`make archive`, with the packages that are installed here."""
    shutil.copy(REPOSITORY / "Makefile", copy.folder)
    shutil.copy(REPOSITORY / "pyproject.toml", copy.folder)
    (copy.folder / ".venv").mkdir(exist_ok=True)
    (copy.folder / ".venv" / ".installed").touch()
    return subprocess.run(
        ["make", "archive", *([f"CONFIG={config}"] if config else [])],
        cwd=copy.folder,
        env=copy.environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def packed(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed") / "copy"
    shutil.copytree(made.folder, folder, symlinks=True)
    copy = Copy.of(folder)
    done = archive(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("rlvf-mini-*.tar.gz")
    return path


@pytest.fixture
def clone(packed, tmp_path):
    """As `git clone` leaves it: every file younger than the results."""
    clone = Copy(tmp_path)
    for path in tmp_path.rglob("*"):
        os.utime(path, follow_symlinks=False)
    subprocess.run(["tar", "xf", packed], cwd=tmp_path, check=True)
    return clone


def test_in_a_fresh_clone_there_is_nothing_to_be_done(clone):
    assert clone.plan() == {}
    assert clone.rlvf("check", "results/mini").returncode == 0


def test_in_a_fresh_clone_one_key_reruns_its_cells(clone):
    clone.configure(studies={"rlvr": {"axes": {"reward": {"tests": {"weight_decay": 0.1}}}}})
    cells = {"train": 2, "generate": 4, "execute": 4, "lint": 4, "measure": 4}
    follows = ("tables", "claims", "figures", "cost", "explorer", "paper")
    assert clone.plan() == cells | {f"study_{name}": 1 for name in follows}


def test_only_records_of_snakemakes_travel(packed):
    with tarfile.open(packed) as opened:
        names = opened.getnames()
    assert names[0] == ".snakemake/incomplete"
    tops = {name.split("/")[0] for name in names}
    assert tops == {".snakemake", "results"}
    of_snakemake = {name.split("/")[1] for name in names if name.startswith(".snakemake/")}
    assert of_snakemake == {"incomplete", "metadata"}
    assert names[1:] == sorted(names[1:], key=Path)


def test_incomplete_results_are_refused(copy):
    (copy.folder / "results/mini/rlvr/none/empty/seed0/greedy/samples.jsonl").unlink()
    done = archive(copy)
    assert done.returncode != 0
    assert "results/mini: is not complete, or out of date" in done.stderr
    advice = shlex.split(done.stderr.partition("To see what it would do: ")[2].splitlines()[0])
    assert advice[0] == "snakemake" and planned(copy.snakemake(*advice[1:]))["measure"] == 1
    assert not list(copy.folder.glob("*.tar.gz"))


def test_changed_results_are_refused(copy):
    (copy.folder / "results/mini/rlvr/paper.pdf").write_bytes(b"")
    done = archive(copy)
    assert done.returncode != 0
    assert "such as results/mini/rlvr/paper.pdf: changed: 0 bytes" in done.stderr
    assert not list(copy.folder.glob("*.tar.gz"))


def test_the_scale_is_that_whose_results_are_there_or_named(copy):
    done = archive(copy, config=None)
    assert "--config config.yaml config/mini.yaml\n" in done.stdout
    (copy.folder / "results" / "logs").mkdir()
    done = archive(copy, config=None)
    assert done.returncode != 0 and "results of both scales are there; name one" in done.stderr
    shutil.rmtree(copy.folder / "results" / "mini")
    done = archive(copy, config=None)
    assert "--config config.yaml \n" in done.stdout


HUB_STUDY = f"""
models:
  qwen3-0.6b: {{repo: some/model, revision: "{REVISION}", dtype: float32}}
benchmarks:
  mbpp: {{repo: some/mbpp, revision: "{REVISION}", sha256: {content_checksum(ROWS)}}}
decodings:
  greedy: {{max_completion_tokens: 4}}
  sampled: {{max_completion_tokens: 4, samples: 1}}
studies:
  rlvr:
    models: [qwen3-0.6b]
    seeds: [1]
    training:
      generations: 1
      generation_batch_size: 4
      group_size: 4
      optimizer_steps_per_generation: 1
      micro_batch_size: 4
      max_completion_tokens: 4
    grid: [{{algorithm: [gspo], reward: [tests, ruff]}}]
"""


def test_what_was_fetched_is_not_packed_and_fetched_again_for_the_cell_that_reruns(
    hub, tiny_model, tmp_path, monkeypatch
):
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    hub.repos = {"models/some/model": files, "datasets/some/mbpp": mbpp_files(ROWS)}
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    copy, clone = Copy(tmp_path / "copy"), Copy(tmp_path / "clone")
    for one in (copy, clone):
        (one.folder / "hub.yaml").write_text(HUB_STUDY)
    done = copy.snakemake("--cores", "2", "--configfile", "hub.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = archive(copy, "config.yaml hub.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = copy.folder.glob("rlvf-paper-*.tar.gz")
    subprocess.run(["tar", "xf", path], cwd=clone.folder, check=True)
    assert not (clone.folder / "cache").exists()

    hub.requests.clear()
    done = clone.snakemake("--cores", "2", "--configfile", "hub.yaml")
    assert "Nothing to be done" in done.stdout + done.stderr
    assert hub.requests == []

    (clone.folder / "change.yaml").write_text(
        "studies: {rlvr: {axes: {reward: {tests: {weight_decay: 0.1}}}}}\n"
    )
    change = ("--cores", "2", "--configfile", "hub.yaml", "change.yaml")
    plan = planned(clone.snakemake("-n", *change))
    assert (plan["train"], plan["generate"], plan["total"]) == (1, 2, 16)
    done = clone.snakemake("--until", "train", *change)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name.split("/")[-1] for name, *_ in hub.requests} >= {"model.safetensors"}
    assert not (clone.folder / "cache" / "datasets").exists()
