import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.checking import Checker
from rlvf.config import TrainSettings
from rlvf.errors import RlvfError
from rlvf.records import KeptRollout, TrainingStep, TrainingStepTimes, read_jsonl
from rlvf.settings import parse_settings
from rlvf.training.run import Products, train

TASKS = load(minimbpp.Settings(), "train")[:8]
SMALL = {
    "generations": 2,
    "generation_batch_size": 16,
    "group_size": 4,
    "optimizer_steps_per_generation": 2,
    "micro_batch_size": 4,
    "max_completion_tokens": 12,
    "rollouts_kept_per_generation": 3,
}


@pytest.fixture
def settings(mini_config):
    def settings(policy):
        cell = mini_config.cell("rlvr", "mini-qwen3", policy, 1)
        found = mini_config.train_settings(cell)
        training = type(found.training)(**(found.training.model_dump() | SMALL))
        return found.model_copy(update={"training": training})

    return settings


@pytest.fixture
def run(tiny_model, tmp_path):
    def run(settings, name="run", tasks=TASKS, model=tiny_model, start=None):
        out = tmp_path / name
        with Checker(settings.sandbox, settings.lint, workers=2) as checker:
            train(
                model,
                tasks,
                settings,
                checker,
                Products(
                    out / "adapters",
                    out / "train.jsonl",
                    out / "rollouts.jsonl",
                    out / "train-times.jsonl",
                ),
                start,
            )
        return out

    return run


def weights(out):
    return load_file(out / "adapters" / "final" / "adapter_model.safetensors")


def test_a_run_leaves_adapter_settings_log_and_rollouts(run, settings):
    chosen = settings("gspo-combined")
    out = run(chosen)
    assert sorted(path.name for path in out.iterdir()) == [
        "adapters",
        "rollouts.jsonl",
        "train-times.jsonl",
        "train.jsonl",
    ]
    resolved = parse_settings(str(out / "adapters" / "final" / "cell.json"), TrainSettings)
    assert resolved == chosen

    steps = read_jsonl(out / "train.jsonl", TrainingStep)
    assert [(step.generation, step.step) for step in steps] == [(1, 1), (1, 2), (2, 3), (2, 4)]
    assert [set(step.rewards) for step in steps] == [{"tests", "ruff"}, set()] * 2
    first = steps[0]
    combined = sum(weight * first.rewards[name] for name, weight in chosen.training.rewards.items())
    assert first.reward == pytest.approx(combined, abs=1e-6)
    assert first.completion_length <= 12 and first.entropy > 0
    assert first.completion_tokens == pytest.approx(16 * first.completion_length)
    times = read_jsonl(out / "train-times.jsonl", TrainingStepTimes)
    assert [(one.generation, one.step) for one in times] == [(1, 1), (1, 2), (2, 3), (2, 4)]
    one = times[0]
    assert min(one.generation_seconds, one.reward_seconds, one.update_seconds, one.memory_mb) > 0

    rollouts = read_jsonl(out / "rollouts.jsonl", KeptRollout)
    assert [rollout.generation for rollout in rollouts] == [1, 1, 1, 2, 2, 2]
    assert all(
        rollout.verdict and set(rollout.rewards) == {"tests", "ruff"} for rollout in rollouts
    )


@pytest.fixture
def varied_rewards(monkeypatch):
    """A model this small writes nothing that earns a reward; some must differ to learn from."""
    import rlvf.training.run as module

    def by_length(rollouts, components):
        return {name: [len(one.text) % 7 / 7 for one in rollouts] for name in components}

    monkeypatch.setattr(module, "component_rewards", by_length)


def test_the_same_seed_gives_the_same_files_but_for_times(run, settings, varied_rewards):
    one, two = run(settings("grpo-ruff"), "one"), run(settings("grpo-ruff"), "two")
    files = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    assert files > {Path("train.jsonl"), Path("adapters", "final", "adapter_config.json")}
    differing = {file for file in files if (one / file).read_bytes() != (two / file).read_bytes()}
    assert differing == {Path("train-times.jsonl")}


def test_grpo_and_gspo_part_after_the_first_step_of_a_generation(run, settings, varied_rewards):
    """The sequence ratio is clipped where the token ratio is not, once the policy has moved."""
    one, two = run(settings("grpo-ruff"), "one"), run(settings("gspo-ruff"), "two")
    assert any(not torch.equal(weights(one)[key], weights(two)[key]) for key in weights(one))
    clipped = [
        [step.clip_fraction for step in read_jsonl(out / "train.jsonl", TrainingStep)]
        for out in (one, two)
    ]
    assert clipped[1][0] == 0 and max(clipped[1]) > max(clipped[0])


def test_an_infrastructure_failure_is_left_out_and_not_scored_zero(run, settings, monkeypatch):
    """Every second check fails; the mean reward is that of the others."""
    import rlvf.training.run as module

    real = module.component_rewards
    generations = []

    def sometimes(rollouts, components):
        found = real(rollouts, components)
        generations.append(found["ruff"])
        return {
            name: [None if place % 2 else one for place, one in enumerate(rewards)]
            for name, rewards in found.items()
        }

    monkeypatch.setattr(module, "component_rewards", sometimes)
    out = run(settings("grpo-ruff"))
    rollouts = read_jsonl(out / "rollouts.jsonl", KeptRollout)
    assert [rollout.rewards["ruff"] is None for rollout in rollouts[:3]] == [False, True, False]
    steps = read_jsonl(out / "train.jsonl", TrainingStep)
    scored = generations[0][::2]
    assert steps[0].reward == pytest.approx(sum(scored) / len(scored), abs=1e-6)


def test_the_paper_scale_differs_in_values_that_work_too(run, settings, paper_config):
    """Checkpointed gradients, bfloat16, warm-up, three tests shown: on a tiny model."""
    cell = paper_config.cell("rlvr", "qwen3-0.6b", "gspo-combined", 1)
    chosen = paper_config.train_settings(cell)
    training = type(chosen.training)(**(chosen.training.model_dump() | SMALL))
    out = run(chosen.model_copy(update={"training": training}))
    steps = read_jsonl(out / "train.jsonl", TrainingStep)
    rates = [step.learning_rate for step in steps]
    assert rates == sorted(set(rates))  # warming up
    assert all(tensor.isfinite().all() for tensor in weights(out).values())


def test_too_few_tasks_are_an_error_before_anything_is_written(run, settings, tmp_path):
    with pytest.raises(RlvfError, match="3 training tasks are too few: a generation takes 4"):
        run(settings("grpo-ruff"), tasks=TASKS[:3])
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_is_an_error_and_leaves_nothing(
    run, settings, varied_rewards, tmp_path
):
    chosen = settings("grpo-ruff")
    training = chosen.training.model_copy(update={"learning_rate": 1e30, "max_grad_norm": 1e30})
    with pytest.raises(RlvfError, match=r"in optimiser step 2: training has diverged; lower train"):
        run(chosen.model_copy(update={"training": training}))
    assert list((tmp_path / "run").iterdir()) == []


def test_a_model_without_a_chat_template_is_named_before_anything_is_written(
    tiny_model, run, settings, tmp_path
):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    (model / "chat_template.jinja").unlink()
    with pytest.raises(RlvfError, match="model: the tokenizer has no chat template; set prompt"):
        run(settings("grpo-ruff"), model=model)
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- kept adapters, starts


def with_training(settings, **changes):
    training = type(settings.training)(**(settings.training.model_dump() | changes))
    return settings.model_copy(update={"training": training})


def test_an_adapter_is_kept_after_every_so_many_generations(run, settings, varied_rewards):
    whole = run(with_training(settings("grpo-ruff"), generations=3, keep_every=1), "whole")
    assert sorted(path.name for path in (whole / "adapters").iterdir()) == ["0001", "0002", "final"]
    names = [sorted(one.name for one in path.iterdir()) for path in (whole / "adapters").iterdir()]
    assert names[0] == names[1] == names[2] and "cell.json" in names[0]
    # What is kept is what a shorter training would have ended in.
    shorter = run(with_training(settings("grpo-ruff"), generations=2), "shorter")
    kept = load_file(whole / "adapters" / "0002" / "adapter_model.safetensors")
    assert all(torch.equal(kept[key], tensor) for key, tensor in weights(shorter).items())


def test_a_training_starts_with_the_adapter_of_another(run, settings, varied_rewards):
    first = run(settings("grpo-ruff"), "first")
    # A rate of nearly nothing, so that the adapter stays what it was at the start.
    still = with_training(settings("grpo-ruff"), learning_rate=1e-30)
    second = run(still, "second", start=first / "adapters" / "final")
    assert all(torch.equal(weights(first)[key], tensor) for key, tensor in weights(second).items())
    other = run(settings("grpo-ruff"), "other", start=first / "adapters" / "final")
    assert any(not torch.equal(weights(first)[k], t) for k, t in weights(other).items())


def test_the_policy_at_the_start_is_the_reference_of_a_kl_term(run, settings, varied_rewards):
    first = run(settings("grpo-ruff"), "first")
    chosen = with_training(settings("grpo-ruff"), beta=0.1)
    out = run(chosen, "second", start=first / "adapters" / "final")
    steps = read_jsonl(out / "train.jsonl", TrainingStep)
    assert steps[0].kl == pytest.approx(0, abs=1e-6) and steps[-1].kl > 0
    assert sorted(path.name for path in (out / "adapters").iterdir()) == ["final"]
    assert not any(path.is_dir() for path in (out / "adapters" / "final").iterdir())


def test_a_start_with_other_lora_settings_is_refused(run, settings, tmp_path):
    first = run(settings("grpo-ruff"), "first")
    lora = settings("grpo-ruff").training.lora.model_copy(update={"r": 8})
    chosen = with_training(settings("grpo-ruff"), lora=lora.model_dump())
    with pytest.raises(RlvfError, match=r"final: this adapter has lora.r 16, but the training"):
        run(chosen, "second", start=first / "adapters" / "final")
    assert list((tmp_path / "second").iterdir()) == []
