"""Runs a training of any recipe: what all of them have in common.

That is: loading the policy, scoring each generation, logs, checkpoints with which an interrupted
run goes on, and the adapters that are kept. The recipe makes the trainer (`trainer` in its module
in rlvf.recipes).
"""

import math
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from peft import LoraConfig, PeftModel
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
)

from rlvf.checking import Checker
from rlvf.config import TrainSettings
from rlvf.environments.program import OPENING, build_prompt
from rlvf.errors import RlvfError
from rlvf.files import atomic_directory, atomic_writer
from rlvf.models.adapters import Base, base_of, load_adapter, save_adapter
from rlvf.models.loading import load_policy, tokenize_prompts
from rlvf.progress import Progress
from rlvf.prompts import Prompt, opened_by_prompt
from rlvf.recipes import FINAL, RECIPES
from rlvf.records import KeptRollout, Task, TrainingStep, TrainingStepTimes
from rlvf.rewards import Rollout, component_rewards
from rlvf.settings import to_json
from rlvf.training.checkpoints import Checkpoints, StopRequest, write_through


@dataclass(frozen=True)
class Products:
    """Where a training writes: the folder of its adapters, a `TrainingStep` for each optimiser
    step, a sample of the completions, and a `TrainingStepTimes` for each optimiser step."""

    adapters: Path
    log: Path
    rollouts: Path
    times: Path


@dataclass(frozen=True)
class Prepared:
    """What a recipe makes its trainer of. `prompts` are those of the tasks, in their order. `lora`
    is None if the policy has an adapter already, with
    which the training starts. `components` are the names of the reward's parts, in the order of
    their weights. `folder` is where the trainer makes checkpoints."""

    settings: TrainSettings
    prompts: list[Prompt]
    policy: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    lora: LoraConfig | None
    scorer: "Scorer"
    components: list[str]
    callbacks: list[TrainerCallback]
    folder: str


def train(
    model: Path,
    tasks: Sequence[Task],
    settings: TrainSettings,
    checker: Checker,
    products: Products,
    start: Path | None = None,
    checkpoints: Checkpoints | None = None,
    stop: StopRequest | None = None,
) -> None:
    """Train one cell, beginning with the adapter in the folder `start` if there is one. Each
    adapter that is kept has the resolved settings beside it (`cell.json`).

    On the CPU, equal arguments give the same bytes, except in the file of times. This also holds
    for a run that was interrupted. With `checkpoints` the run goes on from the latest one, makes
    new ones, and removes them at its end. On `stop` it makes a checkpoint after the current
    optimiser step and ends.

    Raises:
        RlvfError: there are fewer tasks than one generation needs; a prompt does not fit the
            model; the run was stopped; or something cannot be loaded or written.
    """
    training, enough = settings.training, settings.training.prompts_per_generation
    if len(tasks) < enough:
        raise RlvfError(
            f"{len(tasks)} training tasks are too few: a generation takes {enough} prompts "
            "(generation_batch_size / group_size)"
        )
    base = base_of(model, settings.cell.model)
    policy, tokenizer = load_policy(model, settings.dtype)
    asked = {task.task_id: build_prompt(task, settings.prompt) for task in tasks}
    tokenize_prompts(policy, tokenizer, asked, settings.prompt, training.max_completion_tokens)
    with _opened(products) as (folder, files):
        latest = checkpoints.latest() if checkpoints else None
        if latest:
            for name, file in files.items():
                file.write((latest / name).read_text(encoding="utf-8"))
        opened = opened_by_prompt(tokenizer, settings.prompt, OPENING)
        kept = checkpoints.kept if checkpoints else folder
        callbacks = [_StepLog(settings, files[_LOG], files[_TIMES]), _Keeping(settings, base, kept)]
        if checkpoints:
            callbacks.append(_CheckpointRhythm(settings, checkpoints.every, stop))
        prepared = Prepared(
            settings=settings,
            prompts=list(asked.values()),
            policy=policy if start is None else _started(policy, model, start, training.lora),
            tokenizer=tokenizer,
            lora=_lora(training.lora) if start is None else None,
            scorer=Scorer(tasks, settings, checker, opened, files[_ROLLOUTS]),
            components=list(training.rewards),
            callbacks=callbacks,
            folder=str(checkpoints.partial if checkpoints else folder),
        )
        trained = _run(prepared, files, checkpoints, latest, stop)
        _save(trained, base, settings, folder / FINAL)
        if checkpoints:
            checkpoints.move_kept(folder)
    if checkpoints:
        checkpoints.remove()


def _run(
    prepared: Prepared,
    files: dict[str, IO[str]],
    checkpoints: Checkpoints | None,
    latest: Path | None,
    stop: StopRequest | None,
) -> PeftModel:
    """Train with the recipe's trainer, from the checkpoint `latest` if there is one, and return the
    trained policy."""
    training = prepared.settings.training
    trainer = RECIPES[training.recipe].trainer(prepared)
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if checkpoints:
        trainer.keep_checkpoints(checkpoints, files, latest)
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    done = trainer.state.global_step
    if done < training.optimizer_steps:
        raise RlvfError(
            f"stopped by {stop.reason} after step {done} of {training.optimizer_steps}; the "
            "same command goes on from there"
        )
    return trainer.model


# A checkpoint has these files in addition to those of transformers: the logs so far, and the state
# that the trainer leaves out.
_LOG, _ROLLOUTS, _TIMES = "train.jsonl", "rollouts.jsonl", "train-times.jsonl"
_REST = "generation.pt"


@contextmanager
def _opened(products: Products) -> Iterator[tuple[Path, dict[str, IO[str]]]]:
    """Open all products, which get their names only if the training comes to its end. Yields the
    folder of the adapters, and the other files by their names in a checkpoint."""
    paths = {_LOG: products.log, _ROLLOUTS: products.rollouts, _TIMES: products.times}
    with ExitStack() as stack:
        folder = stack.enter_context(atomic_directory(products.adapters))
        yield (
            folder,
            {name: stack.enter_context(atomic_writer(path)) for name, path in paths.items()},
        )


def _lora(settings: Any) -> LoraConfig:
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules,
        task_type="CAUSAL_LM",
    )


def _started(policy: PreTrainedModel, model: Path, start: Path, lora: Any) -> PeftModel:
    """Return the policy with the adapter with which the training starts."""
    started = load_adapter(policy, model, start, trainable=True)
    config = started.peft_config["default"]
    found = {"r": config.r, "alpha": config.lora_alpha, "dropout": config.lora_dropout}
    for name, value in found.items():
        if value != getattr(lora, name):
            raise RlvfError(
                f"{start}: this adapter has lora.{name} {value}, but the training that starts with "
                f"it has {getattr(lora, name)}; give both the same"
            )
    return started


def _save(model: PeftModel, base: Base, settings: TrainSettings, folder: Path) -> None:
    """Write an adapter and the settings that it was trained with."""
    save_adapter(model, base, folder)
    (folder / "cell.json").write_text(to_json(settings) + "\n", encoding="utf-8")


class Scorer:
    """Provides the reward functions that TRL calls. Each generation is checked once, and each
    component computes its rewards from that."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: TrainSettings,
        checker: Checker,
        opened: str,
        rollouts: IO[str],
    ):
        self._tasks, self._settings = tasks, settings
        self._checker, self._opened, self._file = checker, opened, rollouts
        self._rewards: dict[str, list[float | None]] = {}
        self.generation = 0

    def score(
        self,
        task_numbers: Sequence[int],
        texts: Sequence[str],
        tokens: Sequence[list[int]],
        finish_reasons: Sequence[str],
    ) -> None:
        """Check a generation's completions, which are sorted by groups, compute their rewards, and
        keep the first few of them."""
        self.generation += 1
        tasks = [self._tasks[number] for number in task_numbers]
        checked = self._checker.check(tasks, texts, self._opened)
        size = self._settings.training.group_size
        rollouts = [
            Rollout(task, place // size, text, one.code, ids, finish, one.execution, one.findings)
            for place, (task, text, ids, finish, one) in enumerate(
                zip(tasks, texts, tokens, finish_reasons, checked, strict=True)
            )
        ]
        self._rewards = component_rewards(rollouts, self._settings.components)
        for place in range(self._settings.training.rollouts_kept_per_generation):
            if place < len(rollouts):
                self._keep(rollouts[place], place)
        self._file.flush()

    def _keep(self, rollout: Rollout, place: int) -> None:
        kept = KeptRollout(
            generation=self.generation,
            task_id=rollout.task.task_id,
            completion=rollout.text,
            code=rollout.answer,
            verdict=rollout.execution.verdict if rollout.execution is not None else None,
            rewards={name: rewards[place] for name, rewards in self._rewards.items()},
        )
        self._file.write(kept.model_dump_json() + "\n")

    def column(self, component: str) -> Callable[..., list[float | None]]:
        """Return the reward function of one component, whose name TRL uses in its logs."""

        def reward(**_: object) -> list[float | None]:
            return self._rewards[component]

        reward.__name__ = component
        return reward


class WithCheckpoints(Trainer):
    """A trainer whose checkpoints contain everything on which the rest of a run depends. What the
    trainer itself leaves out, `rest_of_state` returns and `take_rest_of_state` takes back."""

    _checkpoints: Checkpoints | None = None

    def keep_checkpoints(
        self, checkpoints: Checkpoints, files: dict[str, IO[str]], latest: Path | None
    ) -> None:
        """Keep checkpoints with copies of the files written so far, and go on from `latest`."""
        self._checkpoints, self._files = checkpoints, files
        if latest:
            self.take_rest_of_state(torch.load(latest / _REST, map_location=self.args.device))

    def _save_checkpoint(self, model, trial):
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        torch.save(self.rest_of_state(), folder / _REST)
        for name, file in self._files.items():
            file.flush()
            shutil.copyfile(file.name, folder / name)
        self._checkpoints.complete(folder, self.state.global_step)


class Timer:
    """Measures the seconds spent in a `with` block and adds them to the trainer's metrics of this
    step."""

    def __init__(self, trainer: Trainer, name: str):
        self._seconds = trainer._metrics["train"][name]

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self._seconds.append(time.perf_counter() - self._start)


# ---------------------------------------------------------------- callbacks


class _CheckpointRhythm(TrainerCallback):
    """Asks for a checkpoint after every `every` generations, and for a last one on a stop."""

    def __init__(self, settings: TrainSettings, every: int, stop: StopRequest | None):
        self._steps = every * settings.training.optimizer_steps_per_generation
        self._stop = stop

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps:
            control.should_save = bool(self._stop) or state.global_step % self._steps == 0
            control.should_training_stop = bool(self._stop)


class _Keeping(TrainerCallback):
    """Writes an adapter after each generation whose adapter is kept, but for the last."""

    def __init__(self, settings: TrainSettings, base: Base, folder: Path):
        self._settings, self._base, self._folder = settings, base, folder

    def on_step_end(self, args, state, control, model=None, **kwargs):
        training = self._settings.training
        generation, rest = divmod(state.global_step, training.optimizer_steps_per_generation)
        name = training.adapters.get(generation, FINAL)
        if rest or name == FINAL:
            return
        # A run that goes on from a checkpoint before this generation makes the adapter again.
        partial, kept = self._folder / f".{name}.partial", self._folder / name
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(kept, ignore_errors=True)
        _save(model, self._base, self._settings, partial)
        write_through(partial)
        partial.rename(kept)


class _StepLog(TrainerCallback):
    """Writes a `TrainingStep` and its times for each optimiser step and reports the progress."""

    def __init__(self, settings: TrainSettings, log: IO[str], times: IO[str]):
        self._settings, self._log, self._times = settings, log, times
        cell = settings.cell
        self._progress = Progress(
            f"train {cell.model} {cell.policy} seed{cell.seed}", settings.training.optimizer_steps
        )

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "grad_norm" not in logs:
            return  # this is the summary at the end of the training
        if not math.isfinite(float(logs["loss"])) or not math.isfinite(float(logs["grad_norm"])):
            raise RlvfError(
                f"loss and gradient are no longer finite numbers in optimiser step "
                f"{state.global_step}: training has diverged; lower training.learning_rate"
            )
        cell = self._settings.cell
        per_generation = self._settings.training.optimizer_steps_per_generation
        names = {
            "study": cell.study,
            "model": cell.model,
            "policy": cell.policy,
            "seed": cell.seed,
            "step": state.global_step,
            "generation": (state.global_step - 1) // per_generation + 1,
        }
        tokens = logs.get("completions/tokens")
        step = TrainingStep(
            **names,
            learning_rate=float(logs["learning_rate"]),
            loss=float(logs["loss"]),
            grad_norm=float(logs["grad_norm"]),
            entropy=logs["entropy"],
            kl=logs.get("kl"),
            clip_fraction=logs["clip_ratio/region_mean"],
            reward=logs.get("reward"),
            reward_std=logs.get("reward_std"),
            rewards={
                name: logs[f"rewards/{name}/mean"]
                for name in self._settings.training.rewards
                if f"rewards/{name}/mean" in logs
            },
            completion_length=logs.get("completions/mean_length"),
            completion_tokens=int(tokens) if tokens is not None else None,
            truncated_fraction=logs.get("completions/clipped_ratio"),
        )
        generation, reward = logs.get("seconds/generation"), logs.get("seconds/reward")
        times = TrainingStepTimes(
            **names,
            generation_seconds=generation,
            reward_seconds=reward,
            update_seconds=logs["step_time"] - (generation or 0) - (reward or 0),
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            gpu_memory_mb=(
                torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else None
            ),
        )
        for file, record in ((self._log, step), (self._times, times)):
            file.write(record.model_dump_json() + "\n")
            file.flush()
        note = f"reward {step.reward:.3f}" if step.reward is not None else ""
        self._progress.update(state.global_step, note)
