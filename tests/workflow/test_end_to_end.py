"""The whole DAG for real: tiny models, a few steps a cell, every stage."""

import csv
import shutil
from pathlib import Path

import pytest

from rlvf.checksums import note_of
from rlvf.config import TrainSettings
from rlvf.environments.program import Sample
from rlvf.records import TrainingStep, read_jsonl
from rlvf.settings import parse_settings
from tests.workflow.conftest import Checkout, planned

TINY = Path(__file__).parent / "tiny.yaml"
FILES = ("--benchmark-extended", "--cores", "2", "--configfile", "config/mini.yaml", "tiny.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout in which everything has been made once."""
    checkout = Checkout(tmp_path_factory.mktemp("study"))
    shutil.copy(TINY, checkout.folder)
    done = checkout.snakemake(*FILES)
    assert done.returncode == 0, done.stdout + done.stderr
    checkout.first_run = done
    return checkout


def study(checkout):
    return checkout.folder / "results" / "mini" / "rlvr"


def table(checkout, name):
    with open(study(checkout) / "tables" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_paper_tables_and_figures_are_there(made):
    assert (study(made) / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert (study(made) / "figures" / "tradeoff.png").exists()
    assert (study(made) / "tables" / "pass_at_1.tex").exists()


def announced(done):
    """The products of the study that a run's end says are to be read."""
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, after = done.stdout.partition("\nDone. To read:\n")
    paths = [line.strip() for line in after.splitlines() if line.startswith("  ")]
    return [path.removeprefix("results/mini/rlvr/") for path in paths]


ALL_TO_READ = ["paper.pdf", "tables", "claims", "figures", "explorer.html"]


def test_a_run_says_at_its_end_what_there_is_to_read_of_its_targets(made):
    assert announced(made.first_run) == ALL_TO_READ
    claims, control = study(made) / "claims", study(made) / "none/empty/seed0/greedy/samples.jsonl"
    shutil.rmtree(claims)
    assert announced(made.snakemake("results/mini/rlvr/claims", *FILES)) == ["claims"]
    control.unlink()
    assert announced(made.snakemake(*FILES, "--until", "measure")) == []
    (study(made) / "paper.pdf").unlink()
    assert announced(made.snakemake(*FILES)) == ALL_TO_READ


def test_what_every_job_used_is_shown_and_kept(made):
    with open(made.folder / "results" / "mini" / "usage.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 + 2 + 4 + 12 + 2 + 3 * 14 + 7
    train = next(row for row in rows if row["rule"] == "train")
    assert float(train["seconds"]) > 2 and float(train["memory_mb"]) > 100
    assert (train["memory_asked_mb"], train["runtime_asked_minutes"]) == ("2000", "30")
    assert "- train: used " in made.first_run.stdout


def test_controls_prove_the_harness(made):
    found = {
        row["policy"]: float(row["pass_at_1"])
        for row in table(made, "pass_at_1")
        if row["model"] == "none"
    }
    assert found == {"reference": 1.0, "empty": 0.0}


def test_every_cell_stands_in_the_tables(made):
    found = {(row["model"], row["policy"], row["evaluation"]) for row in table(made, "pass_at_1")}
    trained = {
        (model, policy, evaluation)
        for model in ("mini-qwen3", "mini-llama")
        for policy in ("base", "gspo-tests", "gspo-combined")
        for evaluation in ("greedy", "sampled")
    }
    assert found == trained | {("none", "reference", "greedy"), ("none", "empty", "greedy")}


def test_a_cell_has_its_settings_log_and_samples(made):
    cell = study(made) / "mini-llama" / "gspo-combined" / "seed1"
    settings = parse_settings(str(cell / "adapters" / "final" / "cell.json"), TrainSettings)
    assert settings.training.rewards == {"tests": 0.7, "ruff": 0.3}
    assert len(read_jsonl(cell / "train.jsonl", TrainingStep)) == 4
    assert len(read_jsonl(cell / "sampled" / "samples.jsonl", Sample)) == 6 * 2


def test_every_file_under_the_study_is_in_its_place(made):
    """No temporary file, no checkpoint, nothing that no rule makes."""
    assert not [path for path in study(made).rglob(".*") if path.name != ".snakemake_timestamp"]
    names = {path.name for path in study(made).iterdir()}
    folders = {"tables", "claims", "figures", "cost"}
    assert names == {
        "mini-llama",
        "mini-qwen3",
        "none",
        "tasks",
        "cells.json",
        "explorer.html",
        "paper.pdf",
        *folders,
        *map(note_of, folders),
    }


def test_a_second_run_does_nothing_and_says_so(made):
    done = made.snakemake(*FILES)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_changed_level_reruns_its_cells_only(made):
    (made.folder / "level.yaml").write_text(
        "studies: {rlvr: {axes: {reward: {tests: {learning_rate: 0.1}}}}}\n"
    )
    done = made.snakemake("-n", *FILES, "level.yaml")
    assert planned(done) == {
        "train": 2,
        "generate": 4,
        "execute": 4,
        "lint": 4,
        "measure": 4,
        "study_tables": 1,
        "study_claims": 1,
        "study_figures": 1,
        "study_cost": 1,
        "study_explorer": 1,
        "study_paper": 1,
        "all": 1,
        "total": 25,
    }
    assert "wildcards: study=rlvr, model=mini-qwen3, policy=gspo-tests, seed=1" in done.stdout


def test_mbpp_goes_through_every_stage(mbpp_path, checkout):
    """With a model that cannot solve it: near zero, and shown as such."""
    shutil.copy(TINY, checkout.folder)
    (checkout.folder / "mbpp.yaml").write_text(
        f"benchmarks: {{mbpp: {{source: {mbpp_path}}}}}\n"
        "studies: {rlvr: {models: [mini-qwen3], grid: [{algorithm: [gspo], reward: [combined]}],"
        " tasks: {train: {benchmark: mbpp, limit: 8}, test: {benchmark: mbpp, limit: 10}}}}\n"
    )
    done = checkout.snakemake(*FILES, "mbpp.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    passed = {
        (row["policy"], row["evaluation"]): float(row["pass_at_1"])
        for row in table(checkout, "pass_at_1")
    }
    assert passed.pop(("reference", "greedy")) == 1.0
    assert set(passed.values()) == {0.0}
    assert (study(checkout) / "paper.pdf").exists()
