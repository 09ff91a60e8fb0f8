import re

import pytest

from rlvf.config import load_config
from rlvf.errors import RlvfError
from rlvf.records import write_jsonl
from rlvf.runs import prices
from rlvf.runs.dry_run import DagJob
from rlvf.runs.plan import plan, show_plan
from rlvf.settings import to_json
from tests.conftest import REPOSITORY

PAPER, MINI = REPOSITORY / "config.yaml", REPOSITORY / "config" / "mini.yaml"
CELL = {"study": "rlvr", "model": "mini-qwen3", "policy": "grpo-tests", "seed": "1"}
GREEDY = {**CELL, "evaluation": "greedy"}
SAMPLED = {**CELL, "evaluation": "sampled"}


@pytest.fixture
def config(tmp_path):
    """A configuration whose results lie in `tmp_path`, where there are none yet."""

    def load(*layers, files=(PAPER, MINI)):
        paths = [*files]
        for number, text in enumerate([f"results: {tmp_path}", *layers]):
            paths.append(tmp_path / f"layer{number}.yaml")
            paths[-1].write_text(text)
        return load_config(*paths)

    return load


def dag(*jobs):
    """A chain of jobs as Snakemake plans them, each of a rule, wildcards and what it asks for."""
    return [
        DagJob(
            id=number,
            rule=rule,
            wildcards=wildcards,
            needs=[number - 1] if number else [],
            gpus=more.get("gpus", 0),
            threads=more.get("threads", 1),
            runtime=30,
            submitted=True,
        )
        for number, (rule, wildcards, more) in enumerate(jobs)
    ]


JOBS = dag(
    ("pretrain_model", {"model": "mini-qwen3"}, {}),
    ("train", CELL, {}),
    ("train", CELL | {"policy": "gspo-tests"}, {}),
    ("generate", GREEDY, {}),
    ("execute", GREEDY, {}),
    ("execute", SAMPLED, {}),
)


def row(config, rule, jobs=JOBS):
    (found,) = [row for row in plan(jobs, config) if row.rule == rule]
    return found


def train_settings(config):
    cell = config.cell("rlvr", CELL["model"], CELL["policy"], 1)
    return {"settings": to_json(config.train_settings(cell))}


def test_rows_are_in_the_order_of_the_stages(config):
    rules = [row.rule for row in plan(JOBS, config())]
    assert rules == ["pretrain_model", "train", "generate", "execute"]


def test_hours_are_those_of_what_a_job_holds(config):
    jobs = dag(("train", CELL | {"model": "qwen3-0.6b"}, {"gpus": 1, "threads": 8}))
    train = row(config(files=[PAPER]), "train", jobs)
    assert train.gpu_hours == pytest.approx(train.seconds / 3600)
    assert train.core_hours == pytest.approx(8 * train.gpu_hours)


def test_pretraining_is_modelled_by_its_flop(config):
    found = row(config(), "pretrain_model")
    # The model's real size but for its norms; 450 steps of 32 samples of 200 tokens.
    parameters = 869_760 - 4 * (2 * 128 + 2 * 32) - 128
    flop = 6 * parameters * 450 * 32 * prices.PROMPT_TOKENS
    assert found.seconds == pytest.approx(prices.START_WITH_MODEL + flop / prices.CORE.flops)
    assert (found.basis, found.disk) == ("modelled", 4 * parameters)


def training(text):
    return f"studies: {{rlvr: {{training: {{{text}}}}}}}"


@pytest.mark.parametrize("change", ["generations: 36", "generation_batch_size: 128"])
def test_more_work_takes_longer(config, change):
    before = row(config(), "train")
    after = row(config(training(change)), "train")
    assert 1.5 * before.seconds < after.seconds < 2 * before.seconds


def test_every_adapter_that_is_kept_takes_room(config):
    before, after = row(config(), "train"), row(config(training("keep_every: 1")), "train")
    assert after.disk > 3 * before.disk


def test_a_limited_test_set_takes_less(config):
    limit = row(config("studies: {rlvr: {tasks: {test: {limit: 50}}}}"), "execute")
    full = row(config(), "execute")
    assert limit.seconds < full.seconds and limit.disk == pytest.approx(full.disk / 4)


def test_a_finished_job_predicts_the_others_of_its_model(config, write_record):
    mini = config()
    modelled = row(mini, "train").seconds
    write_record("train", 1000.0, params=train_settings(mini), **CELL)
    found = row(mini, "train")
    assert found.basis == "scaled from 1"
    assert found.longest == pytest.approx(1000)
    assert found.seconds > 5 * modelled


def test_a_row_is_measured_when_all_its_jobs_are(config, write_record):
    write_record("execute", 10.0, **GREEDY)
    write_record("execute", 20.0, **SAMPLED)
    found = row(config(), "execute")
    assert (found.basis, found.seconds, found.longest) == ("measured", 10 + 20, 20)


def test_what_was_measured_is_scaled_to_todays_settings(config, write_record):
    before, after = config(), config(training("generations: 36"))
    write_record("train", 1000.0, params=train_settings(before), **CELL)
    assert row(after, "train").basis == "scaled from 1"
    assert 1500 < row(after, "train").longest < 2000


def test_what_was_measured_with_unknown_settings_is_left_out(config, write_record):
    write_record("train", 1000.0, params={"settings": '{"older": "version"}'}, **CELL)
    assert row(config(), "train").basis == "modelled"


def test_a_training_under_way_predicts_its_end(config, times, tmp_path):
    cell = tmp_path.joinpath(*list(CELL.values())[:3], "seed1")
    # Four of 72 steps: two generations of 2 s and 1 s, four steps of 0.5 s.
    write_jsonl(cell / ".train-times.jsonl.x" / "train-times.jsonl", times[:4])
    found = row(config(), "train")
    assert found.basis == "scaled from 1"
    assert found.longest == pytest.approx(prices.START_WITH_MODEL + 8 * 72 / 4)


def test_more_gpus_shorten_the_wall_time_down_to_the_longest_chain(config):
    models = ("qwen3-0.6b", "llama-3.2-1b")
    jobs = [
        job.model_copy(update={"needs": []})
        for job in dag(*(("train", CELL | {"model": model}, {"gpus": 1}) for model in models))
    ]
    qwen3, llama = (row.longest / 3600 for row in plan(jobs, config(files=[PAPER])))

    def wall(gpus):
        text = show_plan(jobs, config(files=[PAPER]), gpus, cores=1)
        return float(re.search(r"^Wall time .*about ([\d.]+) h\.$", text, re.M)[1])

    assert wall(1) == pytest.approx(qwen3 + llama, abs=0.05)
    assert wall(2) == wall(1000) == pytest.approx(max(qwen3, llama), abs=0.05)


def test_a_job_beyond_its_time_limit_is_named(config):
    jobs = [job.model_copy(update={"runtime": 1}) for job in JOBS]
    text = show_plan(jobs, config(), gpus=1, cores=2)
    assert "train of mini-qwen3: the longest job takes" in text
    assert "its limit is 1 min; raise its runtime under resources" in text


def test_a_model_without_its_size_is_named(config):
    small = config("models: {qwen3-0.6b: {parameters: null}}", files=[PAPER])
    jobs = dag(("train", CELL | {"model": "qwen3-0.6b"}, {}))
    with pytest.raises(RlvfError, match=r"models\.qwen3-0\.6b\.parameters: .*state it"):
        plan(jobs, small)


def test_stating_a_models_size_changes_no_stage(config):
    """It is left out of what stages are handed, or every cell would run again."""
    model = config(files=[PAPER]).models["qwen3-0.6b"]
    assert model.parameters > 0 and "parameters" not in to_json(model)
