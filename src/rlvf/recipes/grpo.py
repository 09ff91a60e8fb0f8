"""Group-relative policy optimisation with LoRA.

GRPO (Shao et al. 2024, arXiv 2402.03300) and GSPO (Zheng et al. 2025, arXiv 2507.18071) are two
settings of this recipe: GSPO takes the importance ratio over the whole sequence and clips it far
closer to 1. With a single optimiser step per generation the ratio is 1 and both are the same, so a
comparison needs `optimizer_steps_per_generation` above 1.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from rlvf.recipes import RecipeSettings
from rlvf.settings import KeyedError, Positive, Probability, Section

if TYPE_CHECKING:
    from transformers import Trainer

    from rlvf.training.run import Prepared


class LoraSettings(Section):
    """The settings of peft's low-rank adaptation (Hu et al. 2021, arXiv 2106.09685)."""

    r: Positive
    alpha: Positive
    dropout: float = Field(ge=0, lt=1)
    target_modules: Literal["all-linear"]


class Settings(RecipeSettings):
    """The settings of one run of GRPOTrainer, whose names and meaning they have.

    A generation makes `generation_batch_size` completions, `group_size` for each prompt. It is
    followed by `optimizer_steps_per_generation` optimiser steps on equal parts of it. Each step is
    computed in micro-batches of `micro_batch_size`.
    """

    recipe: Literal["grpo"]
    generation_batch_size: Positive
    group_size: Annotated[int, Field(ge=2)]
    optimizer_steps_per_generation: Positive
    micro_batch_size: Positive
    learning_rate: float = Field(gt=0)
    lr_scheduler: Literal["constant", "constant_with_warmup", "linear", "cosine"]
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    max_completion_tokens: Positive
    temperature: float = Field(gt=0)
    top_p: Probability
    top_k: int = Field(ge=0)
    mask_truncated_completions: bool
    gradient_checkpointing: bool
    importance_sampling_level: Literal["token", "sequence"]
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo"]
    scale_rewards: Literal["group", "batch", "none"]
    epsilon: float = Field(gt=0)
    epsilon_high: float = Field(gt=0)
    beta: float = Field(ge=0)
    lora: LoraSettings

    @model_validator(mode="after")
    def _values_fit(self) -> "Settings":
        batch = self.generation_batch_size
        if batch % self.group_size:
            raise KeyedError(
                "group_size",
                f"{self.group_size} does not divide generation_batch_size {batch} "
                f"(allowed: {', '.join(map(str, _divisors(batch)[1:]))})",
            )
        part = self.optimizer_steps_per_generation * self.micro_batch_size
        if batch % part:
            raise KeyedError(
                "micro_batch_size",
                f"{self.micro_batch_size} × optimizer_steps_per_generation = {part} does not "
                f"divide generation_batch_size {batch}",
            )
        if self.warmup_steps and self.lr_scheduler == "constant":
            raise KeyedError(
                "warmup_steps",
                f"{self.warmup_steps} would be ignored with lr_scheduler constant "
                "(allowed: 0, or lr_scheduler constant_with_warmup)",
            )
        return self

    @property
    def prompts_per_generation(self) -> int:
        return self.generation_batch_size // self.group_size

    @property
    def gradient_accumulation_steps(self) -> int:
        return self.generation_batch_size // (
            self.optimizer_steps_per_generation * self.micro_batch_size
        )

    @property
    def optimizer_steps(self) -> int:
        return self.generations * self.optimizer_steps_per_generation


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def trainer(prepared: "Prepared") -> "Trainer":
    """Return TRL's trainer of this recipe."""
    from rlvf.training.group import GroupTrainer

    return GroupTrainer(prepared)
