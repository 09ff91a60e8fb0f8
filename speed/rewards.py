"""Measures the share of a training that is spent in rewards, from the times of a real mini
training."""

import os
import subprocess
import sys
import sysconfig
import tempfile
from itertools import groupby
from pathlib import Path

from rlvf.cells import Cell
from rlvf.config import Config, load_config
from rlvf.errors import RlvfError
from rlvf.records import TrainingStepTimes, read_jsonl
from rlvf.settings import to_json
from speed import REPOSITORY, say

MODEL = "mini-qwen3"
_STUDY, _SEED = "rlvr", 1
_POLICIES = ("grpo-tests", "grpo-ruff", "grpo-combined")


def measure_rewards(generations: int | None) -> dict[str, list[dict[str, float]]]:
    """Return for each policy the seconds of every generation with its optimiser steps, in rewards
    and in all. `generations` replaces the number in the mini configuration.

    Raises:
        RlvfError: the model cannot be made, or training fails.
    """
    config = load_config(REPOSITORY / "config.yaml", REPOSITORY / "config" / "mini.yaml")
    model = Path(config.results, "models", MODEL)
    tasks = Path(config.results, _STUDY, "tasks", "train.jsonl")
    if not ((REPOSITORY / model).exists() and (REPOSITORY / tasks).exists()):
        say(f"rewards: making {model} takes minutes")
        snakemake = str(Path(sysconfig.get_path("scripts"), "snakemake"))
        _run(f"making {model}", {}, snakemake, "--profile", "mini", str(model), str(tasks))
    times = {}
    for policy in _POLICIES:
        cell = config.cell(_STUDY, MODEL, policy, _SEED)
        times[policy] = _train(config, cell, model, tasks, generations)
        rewards, everything = (sum(one[key] for one in times[policy]) for key in ("rewards", "all"))
        say(f"rewards {policy}: {rewards:.1f} of {everything:.1f} s in rewards")
    return times


def _train(
    config: Config, cell: Cell, model: Path, tasks: Path, generations: int | None
) -> list[dict[str, float]]:
    settings = config.train_settings(cell)
    if generations is not None:
        training = settings.training.model_copy(update={"generations": generations})
        settings = settings.model_copy(update={"training": training})
    # The training is run as the workflow's rule runs it.
    cpus = str(config.resources.train.cpus)
    environment = {"OMP_NUM_THREADS": cpus, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory(prefix="rlvf-bench-") as folder:
        times = Path(folder, "train-times.jsonl")
        _run(
            f"training {cell.policy}",
            environment,
            *(sys.executable, "-m", "rlvf.cli", "train"),
            *("--model", str(model), "--tasks", str(tasks), "--settings", to_json(settings)),
            *("--workers", cpus, "--log", f"{folder}/train.jsonl", "--times", str(times)),
            *("--rollouts", f"{folder}/rollouts.jsonl", "--out", f"{folder}/adapters"),
        )
        steps = read_jsonl(times, TrainingStepTimes)
    return [_times(list(part)) for _, part in groupby(steps, key=lambda step: step.generation)]


def _times(steps: list[TrainingStepTimes]) -> dict[str, float]:
    """Return the times of one generation. What concerns the generation as a whole is in its first
    step."""
    first = steps[0]
    updates = sum(step.update_seconds for step in steps)
    return {
        "rewards": first.reward_seconds,
        "all": first.generation_seconds + first.reward_seconds + updates,
    }


def _run(what: str, environment: dict[str, str], *command: str) -> None:
    """Run a command whose progress and errors are shown in the terminal."""
    environment = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise RlvfError(f"{what} failed with status {done.returncode}; see above")
