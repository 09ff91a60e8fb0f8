"""Defines the settings of the models that studies name."""

from typing import Annotated, Literal

from pydantic import Field

from rlvf.settings import Commit, Name, Positive, PromptSettings, Repo, Section, Seed


class HubModel(Section):
    """A published model at a pinned revision.

    `parameters` is only for `rlvf plan`. No stage is given it, so that stating it reruns nothing.
    """

    kind: Literal["hub"]
    repo: Repo
    revision: Commit
    dtype: Literal["float32", "bfloat16"]
    parameters: Positive | None = Field(default=None, exclude=True)


class MiniModel(Section):
    """A small model of a published architecture, pretrained by the workflow itself.

    `benchmark` generates the corpus, in which tasks are put as `prompt` says. The training takes
    `steps` optimiser steps, each on `batch_size` samples.
    """

    kind: Literal["mini"]
    architecture: Literal["qwen3", "llama"]
    benchmark: Name
    prompt: PromptSettings
    hidden_size: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    intermediate_size: Positive
    vocabulary: Positive
    steps: Positive
    batch_size: Positive
    learning_rate: float = Field(gt=0)
    misconception_rate: float = Field(ge=0, le=1)
    lint_habit_rate: float = Field(ge=0, le=1)
    seed: Seed
    dtype: Literal["float32"]

    @property
    def parameters(self) -> int:
        """The number of parameters without the few of the norms. Input and output embeddings are
        shared."""
        head = self.hidden_size // self.heads
        attention = 2 * self.hidden_size * head * (self.heads + self.kv_heads)
        mlp = 3 * self.hidden_size * self.intermediate_size
        return self.vocabulary * self.hidden_size + self.layers * (attention + mlp)


Model = Annotated[HubModel | MiniModel, Field(discriminator="kind")]
