"""Equal studies give equal files, however many jobs ran at a time, in which order, and where."""

import shutil
from pathlib import Path

import pytest

from rlvf.analysis.paper import compile_paper
from rlvf.files import file_checksum
from rlvf.records import Execution, TrainingStep, read_jsonl
from tests.workflow.conftest import Checkout

TINY = Path(__file__).parent / "tiny.yaml"
# One model, pretrained for long enough that some of its completions parse and earn a reward.
SMALL = """\
models:
  mini-qwen3: {hidden_size: 64, layers: 2, intermediate_size: 128, steps: 150, batch_size: 16}
decodings:
  greedy: {max_completion_tokens: 64}
  sampled: {max_completion_tokens: 64}
studies:
  rlvr:
    models: [mini-qwen3]
    training: {max_completion_tokens: 64}
    grid: [{algorithm: [gspo], reward: [combined]}]
"""
FILES = ("--configfile", "config/mini.yaml", "tiny.yaml", "small.yaml")
RUNS = {
    "one": ("--cores", "1"),
    "two": ("--cores", "3", "--scheduler", "greedy", "--prioritize", "control"),
}

# What may differ: what a run took, and the paper, which states it.
TIMES = ("executions-times.jsonl", "train-times.jsonl")
COST = ("cost.csv", "cost.json", "cost.md", "cost.html", "cost.tex", "cost.checksums.json")
MAY_DIFFER = {*TIMES, *COST, "paper.pdf"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results folders of the same study, made twice."""
    made = {}
    for name, options in RUNS.items():
        checkout = Checkout(tmp_path_factory.mktemp(name))
        shutil.copy(TINY, checkout.folder)
        (checkout.folder / "small.yaml").write_text(SMALL)
        done = checkout.snakemake(*options, *FILES)
        assert done.returncode == 0, done.stdout + done.stderr
        made[name] = checkout.folder / "results" / "mini"
    return made


def checksums(results):
    """Of all products, by path."""
    files = (path for part in ("models", "rlvr") for path in (results / part).rglob("*"))
    return {path.relative_to(results): file_checksum(path) for path in files if path.is_file()}


def test_there_is_something_that_could_differ(results):
    cell = results["one"] / "rlvr" / "mini-qwen3" / "gspo-combined" / "seed1"
    assert any(step.reward_std for step in read_jsonl(cell / "train.jsonl", TrainingStep))
    executions = read_jsonl(cell / "sampled" / "executions.jsonl", Execution)
    assert len({execution.message for execution in executions}) > 1


def test_all_products_are_equal_but_for_times_and_what_states_them(results):
    one, two = map(checksums, results.values())
    assert one.keys() == two.keys()
    assert {path.name for path in one} >= MAY_DIFFER
    assert {path for path in one if one[path] != two[path] and path.name not in MAY_DIFFER} == set()


def test_the_paper_differs_by_its_cost_alone(results, tmp_path):
    one, two = (folder / "rlvr" for folder in results.values())
    out = tmp_path / "paper.pdf"
    source, common = one.parents[2] / "paper/rlvr", one.parents[2] / "paper/rlvf.typ"
    results = {name: two / name for name in ("tables", "figures", "claims")}
    compile_paper(source, common, results | {"cost": one / "cost"}, out)
    assert file_checksum(out) == file_checksum(one / "paper.pdf")
