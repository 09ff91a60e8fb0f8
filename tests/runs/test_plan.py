import pytest

from rlvf.config import load_config
from rlvf.errors import RlvfError
from rlvf.records import write_jsonl
from rlvf.runs import plan as planning
from rlvf.runs.plan import plan, planned_jobs, show_plan
from rlvf.settings import to_json
from tests.conftest import REPOSITORY

PAPER, MINI = REPOSITORY / "config.yaml", REPOSITORY / "config" / "mini.yaml"
CELL = {"study": "rlvr", "model": "mini-qwen3", "policy": "grpo-tests", "seed": "1"}


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


def row(config, rule, model="mini-qwen3"):
    (found,) = [row for row in plan(config) if (row.rule, row.model) == (rule, model)]
    return found


def train_settings(config):
    return {
        "settings": to_json(
            config.train_settings(config.cell("rlvr", *list(CELL.values())[1:3], 1))
        )
    }


def test_only_training_and_generation_hold_gpus_at_paper_scale(config):
    rows = plan(config(files=[PAPER]))
    assert {row.rule for row in rows if row.gpu_hours} == {"train", "generate"}
    train = next(row for row in rows if row.rule == "train")
    assert train.gpu_hours == pytest.approx(train.seconds / 3600)
    assert train.core_hours == pytest.approx(8 * train.gpu_hours)


def test_nothing_holds_a_gpu_at_mini_scale(config):
    assert not any(row.gpu_hours for row in plan(config()))


def test_pretraining_is_modelled_by_its_flop(config):
    found = row(config(), "pretrain_model")
    # The model's real size but for its norms; 450 steps of 32 samples of 200 tokens.
    parameters = 869_760 - 4 * (2 * 128 + 2 * 32) - 128
    flop = 6 * parameters * 450 * 32 * planning.PROMPT_TOKENS
    assert found.seconds == pytest.approx(planning.START_WITH_MODEL + flop / planning.CORE.flops)
    assert (found.basis, found.disk) == ("modelled", 4 * parameters)


@pytest.mark.parametrize("change", ["generations: 36", "generation_batch_size: 128"])
def test_more_work_takes_longer(config, change):
    before = row(config(), "train")
    after = row(config(f"training: {{{change}}}"), "train")
    assert 1.5 * before.seconds < after.seconds < 2 * before.seconds


def test_a_limited_test_set_takes_less(config):
    limit = row(config("studies: {rlvr: {test_limit: 50}}"), "execute")
    full = row(config(), "execute")
    assert limit.seconds < full.seconds and limit.disk == pytest.approx(full.disk / 4)


def test_a_finished_job_predicts_the_others_of_its_model(config, write_benchmark):
    mini = config()
    modelled = row(mini, "train").seconds
    write_benchmark("train", 1000.0, params=train_settings(mini), **CELL)
    found = row(mini, "train")
    assert found.basis == "scaled from 1"
    assert found.longest == pytest.approx(1000)
    assert found.seconds > 5 * modelled
    assert row(mini, "train", "mini-llama").basis == "modelled"


def test_a_row_is_measured_when_all_its_jobs_are(config, write_benchmark):
    for decoding, seconds in (("greedy", 10.0), ("sampled", 20.0)):
        for job in planned_jobs(config()):
            if job.rule == "lint" and job.wildcards["decoding"] == decoding:
                write_benchmark("lint", seconds, **job.wildcards)
    found = row(config(), "lint")
    assert (found.basis, found.seconds, found.longest) == ("measured", 7 * (10 + 20), 20)


def test_what_was_measured_is_scaled_to_todays_settings(config, write_benchmark):
    before, after = config(), config("training: {generations: 36}")
    write_benchmark("train", 1000.0, params=train_settings(before), **CELL)
    assert row(after, "train").basis == "scaled from 1"
    assert 1500 < row(after, "train").longest < 2000


def test_what_was_measured_with_unknown_settings_is_left_out(config, write_benchmark):
    write_benchmark("train", 1000.0, params={"settings": '{"older": "version"}'}, **CELL)
    assert row(config(), "train").basis == "modelled"


def test_a_training_under_way_predicts_its_end(config, times, tmp_path):
    cell = tmp_path.joinpath(*list(CELL.values())[:3], "seed1")
    # Four of 72 steps: two generations of 2 s and 1 s, four steps of 0.5 s.
    write_jsonl(cell / ".train-times.jsonl.x" / "train-times.jsonl", times[:4])
    found = row(config(), "train")
    assert found.basis == "scaled from 1"
    assert found.longest == pytest.approx(planning.START_WITH_MODEL + 8 * 72 / 4)


def test_more_gpus_shorten_the_wall_time_down_to_the_longest_chain(config):
    paper = config(files=[PAPER])

    def wall(gpus):
        text = show_plan(paper, gpus, cores=1)
        return next(line for line in text.splitlines() if line.startswith("Wall time"))

    assert wall(1) == "Wall time with 1 GPU: about 76 h."
    assert wall(4) == "Wall time with 4 GPUs: about 19 h."
    assert wall(1000).split("about")[1] == wall(2000).split("about")[1]


def test_a_job_beyond_its_time_limit_is_named(config):
    text = show_plan(config("resources: {train: {runtime: 1}}"), gpus=1, cores=2)
    assert "train of mini-qwen3: the longest job takes" in text
    assert "its limit is 1 min; raise resources.train.runtime" in text


def test_a_model_without_its_size_is_named(config):
    small = config("models: {qwen3-0.6b: {parameters: null}}", files=[PAPER])
    with pytest.raises(RlvfError, match=r"models\.qwen3-0\.6b\.parameters: .*state it"):
        plan(small)


def test_stating_a_models_size_changes_no_stage(config):
    """It is left out of what stages are handed, or every cell would run again."""
    model = config(files=[PAPER]).models["qwen3-0.6b"]
    assert model.parameters > 0 and "parameters" not in to_json(model)
