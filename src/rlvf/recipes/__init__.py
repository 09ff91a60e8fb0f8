"""Defines what a training is: its settings, and what they allow.

A recipe is a module here, which `recipe` in a study's training names. It has its `Settings`, which
extend RecipeSettings, and `train(run)`, which trains with TRL and is called by rlvf.training.run.
There is no list of recipes: adding one is adding its file. Recipes are imported with the
configuration, in Snakemake's process and before the sandbox starts, so no module here may import
torch or TRL at its top; `train` does.
"""

from typing import Annotated, Union

from pydantic import Field, model_validator

from rlvf.settings import KeyedError, Name, Positive, Section, kinds

# The name of the adapter that a training ends with. One that was kept before has the number of the
# generation.
FINAL = "final"


def _unset(value: object) -> bool:
    return value is None


class Start(Section):
    """The training begins with the adapter of another cell of the study: of the same model and
    seed, with these levels and otherwise at the centre. It is the adapter kept after `generation`,
    or the final one."""

    levels: dict[Name, Name] = Field(min_length=1)
    generation: Positive | None = Field(default=None, exclude_if=_unset)


class RecipeSettings(Section):
    """The settings that every training has. `tasks` are those of the study that are trained on,
    and `rewards` the weights of the components whose weighted sum is the reward. Beside the final
    adapter, one is kept after every `keep_every` generations."""

    recipe: str
    tasks: Name
    rewards: dict[Name, float] = Field(min_length=1)
    generations: Positive
    rollouts_kept_per_generation: int = Field(ge=0)
    keep_every: Positive | None = Field(default=None, exclude_if=_unset)
    start: Start | None = Field(default=None, exclude_if=_unset)

    @model_validator(mode="after")
    def _something_is_kept(self) -> "RecipeSettings":
        if self.keep_every is not None and self.keep_every > self.generations:
            raise KeyedError(
                "keep_every",
                f"{self.keep_every} is more than the {self.generations} generations of the "
                "training; only the final adapter would be kept",
            )
        return self

    @property
    def adapters(self) -> dict[int, str]:
        """The names of the adapters that the training keeps, by generation."""
        every = self.keep_every or self.generations
        before = range(every, self.generations, every)
        return {**{at: f"{at:04d}" for at in before}, self.generations: FINAL}


RECIPES = kinds(__name__, __path__)
Recipe = Annotated[
    Union[tuple(module.Settings for module in RECIPES.values())],  # noqa: UP007
    Field(discriminator="recipe"),
]
