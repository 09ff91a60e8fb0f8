"""Trains with TRL's GRPOTrainer: a completion is scored against others of the same prompt."""

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

from rlvf.config import TrainSettings
from rlvf.prompts import chat_template_options
from rlvf.training.run import Prepared, Timer, WithCheckpoints


class GroupTrainer(WithCheckpoints, GRPOTrainer):
    """A GRPOTrainer that scores each generation as a whole and measures the time of its parts.

    TRL's own checkpoints lack the generation on which optimiser steps are taken, the number of
    steps taken on it, and how often the sampler has shuffled the tasks.
    """

    def __init__(self, prepared: Prepared):
        self._scorer = prepared.scorer
        self._epochs = 0
        super().__init__(
            model=prepared.policy,
            processing_class=prepared.tokenizer,
            reward_funcs=[prepared.scorer.column(name) for name in prepared.components],
            args=arguments(prepared.settings, prepared.folder),
            train_dataset=Dataset.from_list(
                [
                    {"prompt": prompt, "task": number}
                    for number, prompt in enumerate(prepared.prompts)
                ]
            ),
            peft_config=prepared.lora,
            callbacks=prepared.callbacks,
        )

    def rest_of_state(self) -> dict:
        return {
            "step": self._step,
            "inputs": self._buffered_inputs,
            "epochs": int(self.state.epoch),
            "generation": self._scorer.generation,
        }

    def take_rest_of_state(self, state: dict) -> None:
        self._step, self._buffered_inputs = state["step"], state["inputs"]
        self._epochs, self._scorer.generation = state["epochs"], state["generation"]

    def _get_train_sampler(self, dataset=None):
        sampler = super()._get_train_sampler(dataset)
        for _ in range(self._epochs):
            torch.randperm(sampler.num_samples, generator=sampler.generator)
        return sampler

    def _generate_single_turn(self, *args, **kwargs):
        with Timer(self, "seconds/generation"):
            return super()._generate_single_turn(*args, **kwargs)

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        with Timer(self, "seconds/reward"):
            tokens = sum(map(len, completion_ids_list))
            self._metrics["train"]["completions/tokens"].append(tokens)
            texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
            ends = [*self.eos_token_ids, self._tokenizer.pad_token_id]
            self._scorer.score(
                [row["task"] for row in inputs],
                texts,
                completion_ids_list,
                ["stop" if ids[-1] in ends else "length" for ids in completion_ids_list],
            )
            return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)


def arguments(settings: TrainSettings, folder: str) -> GRPOConfig:
    """Return the trainer's arguments. All that the defaults of TRL would otherwise decide is stated
    here."""
    training = settings.training
    return GRPOConfig(
        output_dir=folder,
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
        reward_weights=list(training.rewards.values()),
        importance_sampling_level=training.importance_sampling_level,
        loss_type=training.loss_type,
        scale_rewards=training.scale_rewards,
        epsilon=training.epsilon,
        epsilon_high=training.epsilon_high,
        beta=training.beta,
        bf16=settings.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        shuffle_dataset=True,
        logging_steps=1,
        save_strategy="no",  # the callbacks of rlvf.training.run decide
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
