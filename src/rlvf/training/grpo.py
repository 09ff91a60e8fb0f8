"""Trains policies by group-relative policy optimisation with LoRA, using TRL's GRPOTrainer.

GRPO (Shao et al. 2024, arXiv 2402.03300) and GSPO (Zheng et al. 2025, arXiv 2507.18071) are two
settings of this trainer: GSPO takes the importance ratio over the whole sequence and clips it far
closer to 1. With a single optimiser step per generation the ratio is 1 and both are the same, so a
comparison needs `optimizer_steps_per_generation` above 1.
"""

import math
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, ProgressCallback, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rlvf.config import TrainSettings
from rlvf.errors import RlvfError
from rlvf.files import atomic_directory, atomic_writer
from rlvf.models.adapters import base_of, save_adapter
from rlvf.models.loading import load_policy, tokenize_prompts
from rlvf.progress import Progress
from rlvf.prompts import build_prompt, chat_template_options, opened_by_prompt
from rlvf.records import Rollout, Task, TrainingStep, TrainingStepTimes
from rlvf.rewards import component_rewards
from rlvf.settings import to_json
from rlvf.training.checkpoints import Checkpoints, StopRequest
from rlvf.verification import Verifier


def train(
    model: Path,
    tasks: Sequence[Task],
    settings: TrainSettings,
    verifier: Verifier,
    out: Path,
    log: Path,
    rollouts: Path,
    times: Path,
    checkpoints: Checkpoints | None = None,
    stop: StopRequest | None = None,
) -> None:
    """Train one cell. The adapter and the resolved settings (`cell.json`) are written to `out`, a
    `TrainingStep` for each optimiser step to `log`, a sample of the completions to `rollouts`, and
    a `TrainingStepTimes` for each optimiser step to `times`.

    On the CPU, equal arguments give the same bytes, except in `times`. This also holds for a run
    that was interrupted. With `checkpoints` the run goes on from the latest one, makes new ones,
    and removes them at its end. On `stop` it makes a checkpoint after the current optimiser step
    and ends.

    Raises:
        RlvfError: there are fewer tasks than one generation needs; a prompt does not fit the
            model; the run was stopped; or something cannot be loaded or written.
    """
    training = settings.training
    prompts = training.generation_batch_size // training.group_size
    if len(tasks) < prompts:
        raise RlvfError(
            f"{len(tasks)} training tasks are too few: a generation takes {prompts} prompts "
            "(generation_batch_size / group_size)"
        )
    base = base_of(model, settings.cell.model)
    policy, tokenizer = load_policy(model, settings.dtype)
    tokenize_prompts(policy, tokenizer, tasks, settings.prompt, training.max_completion_tokens)
    with (
        atomic_directory(out) as folder,
        atomic_writer(log) as log_file,
        atomic_writer(rollouts) as rollout_file,
        atomic_writer(times) as times_file,
    ):
        files = {_LOG: log_file, _ROLLOUTS: rollout_file, _TIMES: times_file}
        latest = checkpoints.latest() if checkpoints else None
        if latest:
            for name, file in files.items():
                file.write((latest / name).read_text(encoding="utf-8"))
        opened = opened_by_prompt(tokenizer, settings.prompt)
        scorer = _Scorer(tasks, settings, verifier, opened, rollout_file)
        trainer = _Trainer(
            scorer=scorer,
            model=policy,
            processing_class=tokenizer,
            reward_funcs=[scorer.column(name) for name in settings.weights],
            args=_trainer_arguments(settings, checkpoints.partial if checkpoints else folder),
            train_dataset=Dataset.from_list(
                [
                    {"prompt": build_prompt(task, settings.prompt), "task": number}
                    for number, task in enumerate(tasks)
                ]
            ),
            peft_config=LoraConfig(
                r=training.lora.r,
                lora_alpha=training.lora.alpha,
                lora_dropout=training.lora.dropout,
                target_modules=training.lora.target_modules,
                task_type="CAUSAL_LM",
            ),
            callbacks=[_StepLog(settings, log_file, times_file)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        if checkpoints:
            trainer.add_callback(_CheckpointRhythm(settings, checkpoints.every, stop))
            trainer.keep_checkpoints(checkpoints, files, latest)
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
        done = trainer.state.global_step
        if done < training.optimizer_steps:
            raise RlvfError(
                f"stopped by {stop.reason} after step {done} of {training.optimizer_steps}; the "
                "same command goes on from there"
            )
        save_adapter(trainer.model, base, folder)
        (folder / "cell.json").write_text(to_json(settings) + "\n", encoding="utf-8")
    if checkpoints:
        checkpoints.remove()


# A checkpoint has these files in addition to those of transformers: the logs so far, and the state
# that TRL leaves out.
_LOG, _ROLLOUTS, _TIMES = "train.jsonl", "rollouts.jsonl", "train-times.jsonl"
_GENERATION = "generation.pt"


def _trainer_arguments(settings: TrainSettings, folder: Path) -> GRPOConfig:
    """Return the trainer's arguments. All that the defaults of TRL would otherwise decide is stated
    here."""
    training, algorithm = settings.training, settings.algorithm
    return GRPOConfig(
        output_dir=str(folder),
        seed=settings.cell.seed,
        max_steps=training.optimizer_steps,
        per_device_train_batch_size=training.micro_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        steps_per_generation=(
            training.optimizer_steps_per_generation * training.gradient_accumulation_steps
        ),
        num_iterations=1,
        num_generations=training.group_size,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.lr_scheduler,
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        max_completion_length=training.max_completion_tokens,
        temperature=training.temperature,
        top_p=training.top_p,
        top_k=training.top_k,
        mask_truncated_completions=training.mask_truncated_completions,
        gradient_checkpointing=training.gradient_checkpointing,
        chat_template_kwargs=chat_template_options(settings.prompt),
        reward_weights=list(settings.weights.values()),
        importance_sampling_level=algorithm.importance_sampling_level,
        loss_type=algorithm.loss_type,
        scale_rewards=algorithm.scale_rewards,
        epsilon=algorithm.epsilon,
        epsilon_high=algorithm.epsilon_high,
        beta=algorithm.beta,
        bf16=settings.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        shuffle_dataset=True,
        logging_steps=1,
        save_strategy="no",  # _CheckpointRhythm decides
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


class _Scorer:
    """Provides the reward functions that TRL calls. Each completion is verified once, and each
    component reads its reward from that verification."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: TrainSettings,
        verifier: Verifier,
        opened: str,
        rollouts: IO[str],
    ):
        self._tasks, self._settings = tasks, settings
        self._verifier, self._opened, self._rollouts = verifier, opened, rollouts
        self._rewards: list[dict[str, float | None]] = []
        self.generation = 0

    def score(self, task_numbers: Sequence[int], completions: Sequence[str]) -> None:
        """Verify a generation's completions and keep the first few as rollouts."""
        self.generation += 1
        tasks = [self._tasks[number] for number in task_numbers]
        verified = self._verifier.verify(tasks, completions, self._opened)
        self._rewards = [component_rewards(one, self._settings.components) for one in verified]
        kept = self._settings.training.rollouts_kept_per_generation
        for one, rewards in zip(verified[:kept], self._rewards, strict=False):
            rollout = Rollout(
                generation=self.generation,
                task_id=one.task.task_id,
                completion=one.completion,
                code=one.code,
                verdict=one.execution.verdict if one.execution is not None else None,
                rewards=rewards,
            )
            self._rollouts.write(rollout.model_dump_json() + "\n")
        self._rollouts.flush()

    def column(self, component: str) -> Callable[..., list[float | None]]:
        """Return the reward function of one component, whose name TRL uses in its logs."""

        def reward(**_: object) -> list[float | None]:
            return [rewards[component] for rewards in self._rewards]

        reward.__name__ = component
        return reward


class _Trainer(GRPOTrainer):
    """A GRPOTrainer that scores each generation once, measures the time of its parts, and makes
    checkpoints that contain everything on which the rest of a run depends.

    TRL's own checkpoints lack the generation on which optimiser steps are taken, the number of
    steps taken on it, and how often the sampler has shuffled the tasks.
    """

    def __init__(self, *args, scorer: _Scorer, **kwargs):
        super().__init__(*args, **kwargs)
        self._scorer = scorer
        self._checkpoints: Checkpoints | None = None
        self._epochs = 0

    def keep_checkpoints(
        self, checkpoints: Checkpoints, files: dict[str, IO[str]], latest: Path | None
    ) -> None:
        """Keep checkpoints with copies of the files written so far, and go on from `latest`."""
        self._checkpoints, self._files = checkpoints, files
        if latest:
            state = torch.load(latest / _GENERATION, map_location=self.args.device)
            self._step, self._buffered_inputs = state["step"], state["inputs"]
            self._epochs, self._scorer.generation = state["epochs"], state["generation"]

    def _save_checkpoint(self, model, trial):
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        state = {
            "step": self._step,
            "inputs": self._buffered_inputs,
            "epochs": int(self.state.epoch),
            "generation": self._scorer.generation,
        }
        torch.save(state, folder / _GENERATION)
        for name, file in self._files.items():
            file.flush()
            shutil.copyfile(file.name, folder / name)
        self._checkpoints.complete(folder, self.state.global_step)

    def _get_train_sampler(self, dataset=None):
        sampler = super()._get_train_sampler(dataset)
        for _ in range(self._epochs):
            torch.randperm(sampler.num_samples, generator=sampler.generator)
        return sampler

    def _generate_single_turn(self, *args, **kwargs):
        with _Timer(self, "seconds/generation"):
            return super()._generate_single_turn(*args, **kwargs)

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        with _Timer(self, "seconds/reward"):
            tokens = sum(map(len, completion_ids_list))
            self._metrics["train"]["completions/tokens"].append(tokens)
            texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
            self._scorer.score([row["task"] for row in inputs], texts)
            return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)


class _Timer:
    """Measures the seconds spent in a `with` block and adds them to the trainer's metrics of this
    step."""

    def __init__(self, trainer: GRPOTrainer, name: str):
        self._seconds = trainer._metrics["train"][name]

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *exception: object) -> None:
        self._seconds.append(time.perf_counter() - self._start)


class _CheckpointRhythm(TrainerCallback):
    """Asks for a checkpoint after every `every` generations, and for a last one on a stop."""

    def __init__(self, settings: TrainSettings, every: int, stop: StopRequest | None):
        self._steps = every * settings.training.optimizer_steps_per_generation
        self._stop = stop

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step < state.max_steps:
            control.should_save = bool(self._stop) or state.global_step % self._steps == 0
            control.should_training_stop = bool(self._stop)


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
                for name in self._settings.weights
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
