"""Turns a study's block of the configuration into cells.

A study trains each of its models with settings of its own, which `training` states and the levels
of `axes` change. The level {} is an axis's centre, which changes nothing. `grid` is a union of
products of levels; an axis that a line does not name stays at its centre. The cells are the
policies that come out, for each model and seed, beside the untrained models and the controls. With
`recipe: null` a level makes policies that are not trained, and differ from base in their prompt.
Each cell is measured by each of the `evaluations`.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from rlvf.cells import BASE, NO_MODEL, Cell, Cells
from rlvf.recipes import FINAL, RECIPES, Recipe
from rlvf.settings import (
    KeyedError,
    Name,
    Positive,
    PromptSettings,
    Section,
    Seed,
    describe,
    merge,
)

# A level may name the models that it is for, and change how tasks are put. All its other keys
# change the training.
_FOR_MODELS, _PROMPT = "models", "prompt"
# These keys of recipes' settings are sections of their own.
_SECTIONS = {"lora"}
Levels = dict[str, str]


class _SchemaOf:
    """Gives a mapping, for editors, the schema of the settings that are made of it."""

    def __init__(self, settings: Any):
        self._settings = settings

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        return handler(TypeAdapter(self._settings).core_schema)


class TaskSet(Section):
    """Tasks of a split of a benchmark: the first `limit` of them, or all."""

    benchmark: Name
    split: str
    limit: Positive | None = Field(default=None, exclude_if=lambda limit: limit is None)


class Evaluation(Section):
    """How cells are measured: on which of the study's tasks, and with which decoding. With `at:
    kept`, all adapters that a training has kept are measured, and not only its final one."""

    tasks: Name
    decoding: Name
    at: Literal["kept"] | None = Field(default=None, exclude_if=lambda at: at is None)


class CellEvaluation(NamedTuple):
    """One evaluation of one cell. `adapter` is the name of one of the training's adapters, and None
    where there are none."""

    name: str
    tasks: str
    decoding: str
    adapter: str | None


class Study(Section):
    """A study's block of the configuration; the module's docstring says how it is read. `training`
    is checked in each cell that it makes, by the settings of its recipe."""

    models: list[Name] = Field(min_length=1)
    seeds: list[Seed] = Field(min_length=1)
    controls: list[Name]
    prompt: PromptSettings
    tasks: dict[Name, TaskSet] = Field(min_length=1)
    training: Annotated[dict[str, Any], _SchemaOf(Recipe)] | None = None
    axes: dict[Name, dict[Name, dict[str, Any]]] = Field(default_factory=dict)
    grid: list[dict[Name, list[Name]]] = Field(default_factory=list)
    evaluations: dict[Name, Evaluation] = Field(min_length=1)
    analysis: dict[str, Any] = Field(default_factory=dict)
    published: list[str] = Field(default_factory=list)

    @field_validator("models", "seeds", "controls")
    @classmethod
    def _distinct(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError(f"names a value twice: {values}")
        return values

    # The following are cached because Snakemake looks up cells several times for each job.

    @cached_property
    def policies(self) -> dict[str, Levels]:
        """The policies of the grid by name, in the order of the levels in `axes`, each with its
        level of every axis that some line of the grid names.

        Raises:
            KeyedError: a line names something that is not there, or two policies have one name.
        """
        found: dict[str, Levels] = {}
        for number, line in enumerate(self.grid):
            for levels in self._products(line, f"grid.{number}"):
                name = self._policy_name(levels)
                if found.setdefault(name, levels) != levels:
                    raise KeyedError(
                        "grid", f"two policies are called {name!r}; rename a level of one of them"
                    )
        order = {axis: list(levels) for axis, levels in self.axes.items()}
        places = {
            name: [order[axis].index(level) for axis, level in levels.items()]
            for name, levels in found.items()
        }
        return {name: found[name] for name in sorted(found, key=places.__getitem__)}

    def _products(self, line: dict[str, list[str]], where: str) -> Iterator[Levels]:
        for axis, levels in line.items():
            if axis not in self.axes:
                raise KeyedError(where, f"there is no axis {axis!r} ({_allowed(self.axes)})")
            for level in levels:
                if level not in self.axes[axis]:
                    raise KeyedError(
                        f"{where}.{axis}",
                        f"there is no level {level!r} ({_allowed(self.axes[axis])})",
                    )
        used = [axis for axis in self.axes if any(axis in other for other in self.grid)]
        for axis in used:
            if axis not in line and self._centre(axis) is None:
                raise KeyedError(
                    where,
                    f"does not name the axis {axis!r}, which has no centre; name its levels, or "
                    "give the axis a level {}",
                )
        choices = [line.get(axis) or [self._centre(axis)] for axis in used]
        return (dict(zip(used, levels, strict=True)) for levels in product(*choices))

    def _centre(self, axis: str) -> str | None:
        centres = [level for level, changes in self.axes[axis].items() if not changes]
        if len(centres) > 1:
            raise KeyedError(
                f"axes.{axis}", f"{' and '.join(centres)} both change nothing; one is the centre"
            )
        return centres[0] if centres else None

    def _policy_name(self, levels: Levels) -> str:
        """Return the levels that are not centres, joined; or the recipe's name if all are."""
        named = [level for axis, level in levels.items() if level != self._centre(axis)]
        return "-".join(named) or str((self.training or {}).get("recipe"))

    def _has(self, model: str, levels: Levels) -> bool:
        """Whether all these levels are for this model."""
        return all(model in self._models(axis, level) for axis, level in levels.items())

    def _models(self, axis: str, level: str) -> list[str]:
        """Return the models that a level is for: those that it names, or all of the study."""
        named = self.axes[axis][level].get(_FOR_MODELS, self.models)
        if not isinstance(named, list) or not set(named) <= set(self.models):
            raise KeyedError(
                f"axes.{axis}.{level}.{_FOR_MODELS}",
                f"are some of the study's models, not {named} ({_allowed(self.models)})",
            )
        return named

    def cells(self, study: str) -> Iterator[Cell]:
        """Yield every cell of the study of this name: first the controls, then base and the
        policies of the grid by model and seed."""
        for control in self.controls:
            yield Cell(study=study, model=NO_MODEL, policy=control, seed=0, kind="control")
        for model, seed in product(self.models, self.seeds):
            names = {"study": study, "model": model, "seed": seed}
            yield Cell(**names, policy=BASE, kind="base")
            for policy, levels in self.policies.items():
                if self._has(model, levels):
                    kind = "trained" if policy in self.trainings else "untrained"
                    yield Cell(**names, policy=policy, kind=kind, levels=levels)

    def described(self, study: str) -> Cells:
        """Return what `cells.json` says. It has the levels that the grid uses."""
        axes = {axis: list(levels) for axis, levels in self.used_axes.items()}
        return Cells(study=study, axes=axes, cells=list(self.cells(study)))

    @property
    def used_axes(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The axes that the grid names, each with the levels that occur."""
        used = {pair for levels in self.policies.values() for pair in levels.items()}
        found = {
            axis: {level: changes for level, changes in levels.items() if (axis, level) in used}
            for axis, levels in self.axes.items()
        }
        return {axis: levels for axis, levels in found.items() if levels}

    @property
    def used_tasks(self) -> dict[str, dict[str, Any]]:
        """The task sets that are trained on or measured with."""
        used = {one.tasks for one in (*self.trainings.values(), *self.evaluations.values())}
        return {name: one.model_dump() for name, one in self.tasks.items() if name in used}

    # ------------------------------------------------------------ training

    @cached_property
    def trainings(self) -> dict[str, Recipe]:
        """The settings of each trained policy.

        Raises:
            KeyedError: the recipe does not allow what comes out; the key is the place where the
                value is stated.
        """
        found = {policy: self._training(levels) for policy, levels in self.policies.items()}
        return {policy: training for policy, training in found.items() if training is not None}

    @cached_property
    def prompts(self) -> dict[str, PromptSettings]:
        """How tasks are put to each policy of the grid.

        Raises:
            KeyedError: see `trainings`.
        """
        return {policy: self._prompt(levels) for policy, levels in self.policies.items()}

    def prompt_of(self, cell: Cell) -> PromptSettings:
        return self.prompts.get(cell.policy, self.prompt)

    def _prompt(self, levels: Levels) -> PromptSettings:
        prompt = self.prompt
        for axis, level in levels.items():
            changes = self.axes[axis][level].get(_PROMPT, {})
            try:
                prompt = PromptSettings.model_validate(_laid_over(prompt.model_dump(), changes))
            except ValidationError as error:
                key, _, message = describe(error, changes).partition(": ")
                raise KeyedError(f"axes.{axis}.{level}.{_PROMPT}.{key}", message) from error
        return prompt

    def _training(self, levels: Levels) -> Recipe | None:
        settings, places = self._stated(levels)
        recipe = settings.get("recipe")
        if recipe is None and places.get("recipe", "training") != "training":
            return None
        if recipe not in RECIPES:
            raise KeyedError(
                f"{places.get('recipe', 'training')}.recipe",
                f"there is no recipe {recipe!r} ({_allowed(RECIPES)})",
            )
        try:
            return RECIPES[recipe].Settings.model_validate(settings)
        except ValidationError as error:
            key, _, message = describe(error, settings).partition(": ")
            place = places.get(key.partition(".")[0], "training")
            at = f" (policy {self._policy_name(levels)})" if len(self.policies) > 1 else ""
            raise KeyedError(f"{place}.{key}", f"{message}{at}") from error

    def _stated(self, levels: Levels) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the settings of a training as they are stated, and the place where each key was
        stated last. Of a section such as `lora` a level changes some keys; all else it replaces."""
        if self.training is None:
            raise KeyedError("training", "is not stated, but the grid has trained policies")
        settings, places = dict(self.training), dict.fromkeys(self.training, "training")
        for axis, level in levels.items():
            for key, value in self.axes[axis][level].items():
                if key not in (_FOR_MODELS, _PROMPT):
                    known = settings.get(key) if key in _SECTIONS else None
                    settings[key] = _laid_over(known, value)
                    places[key] = f"axes.{axis}.{level}"
        return settings, places

    def place_of(self, levels: Levels, key: str) -> str:
        """Return the place in the study's block where this key of a training is stated."""
        return self._stated(levels)[1].get(key, "training")

    def start_of(self, cell: Cell) -> tuple[Cell, str] | None:
        """Return the cell with whose adapter a cell's training starts, and the adapter's name; None
        if it starts with the model as it is.

        Raises:
            KeyedError: there is no such cell, or it does not keep such an adapter.
        """
        found = self._start(cell)
        following, at = [cell], found
        while at is not None:
            if at[0] in following:
                names = " -> ".join(one.policy for one in [*following, at[0]])
                raise KeyedError("axes", f"trainings start with one another's adapters: {names}")
            following.append(at[0])
            at = self._start(at[0])
        return found

    def _start(self, cell: Cell) -> tuple[Cell, str] | None:
        start = self.trainings[cell.policy].start if cell.trained else None
        if start is None:
            return None
        where = f"{self._stated(cell.levels)[1]['start']}.start"
        policy = self._policy_at(start.levels, f"{where}.levels")
        if policy not in self.trainings:
            raise KeyedError(where, f"{policy!r} is not trained, so that it has no adapter")
        if not self._has(cell.model, self.policies[policy]):
            raise KeyedError(where, f"{policy!r} is not trained with the model {cell.model!r}")
        kept = self.trainings[policy].adapters
        if start.generation is not None and start.generation not in kept:
            raise KeyedError(
                f"{where}.generation",
                f"{policy!r} does not keep an adapter of generation {start.generation} "
                f"({_allowed(kept)})",
            )
        changes = {"policy": policy, "levels": self.policies[policy]}
        return cell.model_copy(update=changes), kept.get(start.generation, FINAL)

    def _policy_at(self, levels: Levels, where: str) -> str:
        """Return the policy that has these levels, and is at the centre of all other axes."""
        for axis, level in levels.items():
            if level not in self.axes.get(axis, ()):
                raise KeyedError(where, f"there is no level {level!r} of an axis {axis!r}")
        off_centre = self._off_centre(levels)
        for policy, others in self.policies.items():
            if self._off_centre(others) == off_centre:
                return policy
        raise KeyedError(where, f"the grid has no policy with only these levels: {levels}")

    def _off_centre(self, levels: Levels) -> Levels:
        return {axis: one for axis, one in levels.items() if one != self._centre(axis)}

    # ------------------------------------------------------------ evaluations

    def evaluations_of(self, cell: Cell, greedy: set[str]) -> list[CellEvaluation]:
        """Return the evaluations of a cell. A control, whose completions are not drawn from a
        model, has one for each of the task sets, with one of the `greedy` decodings if there is
        one. Where all kept adapters are measured, base is the adapter of generation 0."""
        if cell.control:
            return self._evaluations_of_controls(greedy)
        found = []
        for name, one in self.evaluations.items():
            if one.at is None:
                adapter = FINAL if cell.trained else None
                found.append(CellEvaluation(name, one.tasks, one.decoding, adapter))
                continue
            adapters = self.trainings[cell.policy].adapters if cell.trained else {0: None}
            found += [
                CellEvaluation(f"{name}-{generation:04d}", one.tasks, one.decoding, adapter)
                for generation, adapter in adapters.items()
            ]
        return found

    def _evaluations_of_controls(self, greedy: set[str]) -> list[CellEvaluation]:
        once = [
            CellEvaluation(name, one.tasks, one.decoding, None)
            for name, one in self.evaluations.items()
            if one.at is None
        ]
        chosen: dict[str, CellEvaluation] = {}
        for one in sorted(once, key=lambda one: one.decoding not in greedy):
            chosen.setdefault(one.tasks, one)
        return [one for one in once if one in chosen.values()]


def _laid_over(base: Any, changes: Any) -> Any:
    """Return `base` with `changes` laid over it if both are mappings, and otherwise `changes`."""
    both = isinstance(base, dict) and isinstance(changes, dict)
    return merge(base, changes) if both else changes


def _allowed(names: Iterable) -> str:
    return f"allowed: {', '.join(map(str, names)) or 'nothing is defined'}"
