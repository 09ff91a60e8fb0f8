"""A study is data: a block of YAML, a module and a folder, which are all that is added here."""

import json
import re
import shutil
from pathlib import Path

import pytest
from pypdf import PdfReader

from rlvf.cells import read_cells
from rlvf.records import CellId, TrainingStep, read_jsonl
from tests.conftest import REPOSITORY
from tests.workflow.conftest import OPTIONS, Checkout, Copy, planned

BROUGHT = Path(__file__).parent / "another_study"
LAYER = "another.yaml"


def add_study(copy):
    """Add the study's files, and edit none."""
    shutil.copy(BROUGHT / "study.yaml", copy.folder / LAYER)
    shutil.copy(BROUGHT / "another_study.py", copy.folder / "src" / "rlvf" / "studies")
    paper = copy.folder / "paper" / "another-study"
    paper.mkdir()
    for name in ("paper.typ", "claims.yaml"):
        shutil.copy(BROUGHT / name, paper)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    copy = Copy(tmp_path_factory.mktemp("studies") / "copy")
    add_study(copy)
    done = copy.run(LAYER)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


@pytest.fixture(scope="module")
def study(copy):
    return copy.folder / "results" / "mini" / "another-study"


def test_its_cells_are_what_its_block_says(study):
    cells = read_cells(study / "cells.json")
    assert cells.axes == {
        "size": ["all", "n-4"],
        "shown": ["one", "none"],
        "start": ["cold", "warm"],
    }
    kinds = {name: cell.kind for name, cell in cells.policies.items()}
    assert kinds == {
        "reference": "control",
        "base": "base",
        "grpo": "trained",
        "warm": "trained",
        "none": "untrained",
        "n-4": "trained",
    }


def test_adapters_are_kept_and_measured_along_the_training(study):
    cell = study / "mini-qwen3" / "n-4" / "seed1"
    assert sorted(path.name for path in (cell / "adapters").glob("[!.]*")) == ["0001", "final"]
    measured = sorted(path.parent.name for path in cell.glob("*/samples.jsonl"))
    assert measured == ["along-0001", "along-0002", "greedy"]
    untrained = study / "mini-qwen3" / "none" / "seed1"
    assert sorted(path.parent.name for path in untrained.glob("*/samples.jsonl")) == [
        "along-0000",
        "greedy",
    ]


def test_a_training_starts_with_the_adapter_that_another_one_kept(copy, study):
    cell = study / "mini-qwen3" / "warm" / "seed1"
    settings = json.loads((cell / "adapters" / "final" / "cell.json").read_text())
    assert settings["training"]["start"] == {"levels": {"size": "n-4"}, "generation": 1}
    assert settings["cell"].keys() == CellId.model_fields.keys()
    assert len(read_jsonl(cell / "train.jsonl", TrainingStep)) == 2
    shutil.copytree(copy.folder, copy.folder.parent / "changed", symlinks=True)
    changed = Copy.of(copy.folder.parent / "changed")
    (changed.folder / "n4.yaml").write_text(
        "studies: {another-study: {axes: {size: {n-4: {weight_decay: 0.1}}}}}\n"
    )
    jobs = planned(changed.run(LAYER, "n4.yaml", "-n"))
    assert jobs["train"] == 2  # the policy that is changed, and the one that starts with it


def test_tables_figures_and_claims_are_those_that_it_has(study):
    tables = {path.stem for path in (study / "tables").glob("*.csv")}
    assert tables == {"pass_at_1", "effects", "hyperparameters"}
    assert {path.name for path in (study / "figures").glob("[!.]*")} == {"along.pdf", "along.png"}
    numbers = json.loads((study / "tables" / "numbers.json").read_text())
    assert (numbers["shown"], numbers["along"]) == (
        "passed",
        ["along-0001", "along-0002", "greedy"],
    )
    effects = (study / "tables" / "effects.md").read_text()
    assert "| size | n-4 − all |" in effects and "| start | warm − cold |" in effects
    (claim,) = json.loads((study / "claims" / "claims.json").read_text())["claims"]
    (comparison,) = claim["predicates"][0]["comparisons"]
    assert [comparison["evidence"][0][key] for key in ("policy", "other")] == ["n-4", "grpo"]


def test_its_paper_says_its_numbers(study):
    text = " ".join(page.extract_text() for page in PdfReader(study / "paper.pdf").pages)
    text = " ".join(text.split())
    assert "grpo, warm and n-4" in text and "along-0001, along-0002 and greedy" in text
    assert "the rank 4" in text


def test_it_can_be_made_alone_and_rlvf_plan_agrees(copy):
    jobs = planned(copy.run(LAYER, "-n", "--forceall", "another-study"))
    done = copy.rlvf("plan", *OPTIONS, LAYER, "--", "another-study")
    assert done.returncode == 0, done.stderr
    (total,) = re.findall(r"^\| total .*?\| +(\d+) \|", done.stdout, re.M)
    assert int(total) == jobs["total"] - 1
    assert jobs["train"] == 3
    (jobs,) = [planned(copy.run(LAYER, "-n", "--forceall", "--until", "study_paper"))]
    assert jobs["study_paper"] == 2


def test_a_study_without_its_module_is_an_error_of_the_configuration(checkout):
    text = (BROUGHT / "study.yaml").read_text().replace("another-study", "third-study")
    (checkout.folder / LAYER).write_text(text)
    done = checkout.snakemake("-n", "--configfile", "config/mini.yaml", LAYER)
    message = "studies.third-study.analysis: nothing says how the study's results are read"
    assert message in done.stderr and "src/rlvf/studies/third_study.py" in done.stderr


# ---------------------------------------------------------------- a sweep of weights


def test_a_sweep_of_weights_is_yaml_alone(copy):
    cells = read_cells(copy.folder / "results/mini/rlvr/cells.json")
    assert cells.axes["reward"] == ["tests-0.5", "tests-0.95"]
    folder = copy.folder / "results/mini/rlvr/mini-qwen3/gspo-tests-0.95/seed1/adapters/final"
    weights = json.loads((folder / "cell.json").read_text())["training"]["rewards"]
    assert weights == {"tests": 0.95, "ruff": 0.05}


def test_a_sweep_of_weights_is_planned_at_the_paper_scale(tmp_path):
    checkout = Checkout(tmp_path)
    weights = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    levels = {f"tests-{w}": {"rewards": {"tests": w, "ruff": round(1 - w, 2)}} for w in weights}
    grid = [
        {"algorithm": ["grpo", "gspo"], "reward": ["tests", "ruff", "combined"]},
        {"algorithm": ["gspo"], "reward": list(levels)},
    ]
    study = {"axes": {"reward": levels}, "grid": grid}
    (tmp_path / "sweep.yaml").write_text(json.dumps({"studies": {"rlvr": study}}))
    done = checkout.snakemake("--profile", "slurm", "-n", "--configfile", "sweep.yaml")
    assert planned(done)["train"] == 2 * (6 + 6) * 3


# ---------------------------------------------------------------- nothing else knows a study


def test_no_studys_name_is_known_outside_of_its_module():
    studies = [path.stem for path in (REPOSITORY / "src/rlvf/studies").glob("[!_]*.py")]
    assert studies
    for folder in ("src", "workflow"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix not in (".py", ".smk", ".rst", ".yaml", ".js", ".html"):
                continue
            if path.parent.name != "studies":
                for study in studies:
                    assert not re.search(rf"\b{study}\b", path.read_text()), f"{path}: {study}"
