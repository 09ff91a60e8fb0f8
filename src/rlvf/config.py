"""Parses and checks the configuration, and cuts out of it what each stage depends on.

The YAML files state every value; the types here and in rlvf.study say which values are allowed.
Sections that are also used without a configuration file are in rlvf.settings, and those with kinds
are beside what they are for: benchmarks, models, rewards, recipes. A stage is given only the slice
of the configuration that it uses, as one JSON text (`Config.*_settings`), so that a changed key
reruns only the stages that read it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from rlvf import layout, studies
from rlvf.benchmarks import BENCHMARKS, Benchmark, minimbpp
from rlvf.cells import BASE, MODEL, NO_MODEL, POLICY, Cell
from rlvf.environments import ENVIRONMENTS
from rlvf.errors import RlvfError
from rlvf.models.catalogue import MiniModel, Model
from rlvf.reading import read, read_value
from rlvf.recipes import Recipe
from rlvf.records import CellId
from rlvf.rewards import Component
from rlvf.runs.site import ResourceSettings
from rlvf.settings import (
    KeyedError,
    LintSettings,
    Name,
    Positive,
    Probability,
    PromptSettings,
    SandboxSettings,
    Section,
    describe,
    merge,
    validate,
)
from rlvf.study import CellEvaluation, Study


class DecodingSettings(Section):
    """How completions are drawn in an evaluation. Temperature 0 means greedy decoding."""

    temperature: float = Field(ge=0)
    top_p: Probability
    top_k: int = Field(ge=0)
    samples: Positive
    max_completion_tokens: Positive
    batch_size: Positive

    @model_validator(mode="after")
    def _greedy_once(self) -> "DecodingSettings":
        if self.temperature == 0 and self.samples > 1:
            raise KeyedError(
                "samples", f"{self.samples} at temperature 0 would be equal (allowed: 1)"
            )
        return self


class Resources(Section):
    train: ResourceSettings
    generate: ResourceSettings
    other: ResourceSettings


# These names belong to files of the checkout, so results and caches must not lie there.
CHECKOUT = (
    *(".ci", ".git", ".gitignore", ".snakemake", ".venv", "CITATION.cff", "LICENSE", "Makefile"),
    *(
        "CONTRIBUTING.md",
        "README.md",
        "Snakefile",
        "speed",
        "config",
        "config.yaml",
        "containers",
        "docs",
    ),
    *("mini", "paper", "pyproject.toml", "requirements.lock", "site.yaml", "slurm", "src"),
    *("tests", "workflow"),
)


def _folder(path: str) -> str:
    """Check a folder's path and write equal paths alike. Characters that have a meaning in shell
    commands or in Snakemake's patterns are refused, since paths are used there."""
    parts = path.split("/")
    if not re.fullmatch(r"[\w.+@/-]+", path) or path.startswith("-") or ".." in parts:
        raise ValueError(
            f"{path!r} is no folder's path as it is written here: letters, digits and . _ + - @, "
            "without spaces, ~, $ and .."
        )
    path = "/" * path.startswith("/") + "/".join(part for part in parts if part not in ("", "."))
    if not path.strip("/") or path.split("/")[0] in CHECKOUT:
        raise ValueError(f"{path or '.'!r} holds other files; name a folder of its own")
    return path


Folder = Annotated[str, AfterValidator(_folder)]


# ---------------------------------------------------------------- the whole file


class Config(Section):
    """The whole configuration of one scale.

    `benchmarks`, `models`, `rewards` (the components) and `decodings` are catalogues: studies name
    their entries, and what no study names costs nothing. A training makes a checkpoint after
    `checkpoint_every` generations.
    """

    scale: Literal["paper", "mini"]
    results: Folder
    cache: Folder
    benchmarks: dict[Name, Benchmark]
    models: dict[Name, Model]
    sandbox: SandboxSettings
    lint: LintSettings
    rewards: dict[Name, Component]
    decodings: dict[Name, DecodingSettings]
    studies: dict[Name, Study]
    resources: Resources
    checkpoint_every: Positive

    @model_validator(mode="after")
    def _cache_is_apart(self) -> "Config":
        if Path(self.cache).absolute().is_relative_to(Path(self.results).absolute()):
            raise KeyedError(
                "cache",
                f"{self.cache!r} lies in results, {self.results!r}, which holds what runs make and "
                "nothing else; name a folder outside",
            )
        return self

    @model_validator(mode="after")
    def _corpora_exist(self) -> "Config":
        for name, model in self.models.items():
            if model.kind == "mini":
                generated = [k for k, b in self.benchmarks.items() if b.kind == "minimbpp"]
                _known(f"models.{name}.benchmark", [model.benchmark], generated)
        return self

    @model_validator(mode="after")
    def _studies_fit(self) -> "Config":
        _free("studies", self.studies, layout.taken(""))
        _free("models", self.models, {*layout.taken("{study}"), NO_MODEL})
        for name, study in self.studies.items():
            try:
                self._check(name, study)
            except KeyedError as error:
                raise KeyedError(f"studies.{name}.{error.key}", str(error)) from error
            for key in study.published:
                _key_exists(self, key, f"studies.{name}.published")
        return self

    def _check(self, name: str, study: Study) -> None:
        """Check that all that a study names is there, and that its cells can be made. The key of a
        KeyedError begins in the study's block."""
        _check_analysis(name, study.analysis)
        _known("models", study.models, self.models)
        for axis in study.axes:
            if axis in (MODEL, POLICY):
                raise KeyedError(f"axes.{axis}", "is what a claim calls something else; rename it")
        for tasks, one in study.tasks.items():
            _known(f"tasks.{tasks}.benchmark", [one.benchmark], self.benchmarks)
            splits = BENCHMARKS[self.benchmarks[one.benchmark].kind].SPLITS
            _known(f"tasks.{tasks}.split", [one.split], splits)
        for key, evaluation in study.evaluations.items():
            _known(f"evaluations.{key}.tasks", [evaluation.tasks], study.tasks)
            _known(f"evaluations.{key}.decoding", [evaluation.decoding], self.decodings)
        for evaluation in study.evaluations.values():
            environment = self.environment_of(study, evaluation.tasks)
            _known("controls", study.controls, ENVIRONMENTS[environment].CONTROLS)
        taken = [*study.controls, BASE]
        for policy in study.prompts:
            if policy in taken:
                raise KeyedError("axes", f"a policy cannot be called {policy!r}; rename its level")
        for policy, training in study.trainings.items():
            _known("training.tasks", [training.tasks], study.tasks)
            _known(f"training.rewards (policy {policy})", training.rewards, self.rewards)
        for cell in study.cells(name):
            evaluations = [one.name for one in self.evaluations_of(cell)]
            _free("evaluations", evaluations, layout.taken(layout.CELL))
            if twice := {one for one in evaluations if evaluations.count(one) > 1}:
                raise KeyedError("evaluations", f"two are called {min(twice)!r}; rename one")
            study.start_of(cell)

    # ------------------------------------------------------------ cells

    def cells(self, study: str) -> Iterator[Cell]:
        """Yield every cell of a study (see Study.cells)."""
        return self.studies[study].cells(study)

    def cell(self, study: str, model: str, policy: str, seed: int) -> Cell:
        """Return the cell of a study that has these names.

        Raises:
            RlvfError: the study's grid has no such cell.
        """
        try:
            return self._cells_by_name[study, model, policy, seed]
        except KeyError:
            raise RlvfError(f"study {study!r} has no cell {model}/{policy}/seed{seed}") from None

    # This is cached because Snakemake looks up cells several times for each job.
    @cached_property
    def _cells_by_name(self) -> dict[tuple[str, str, str, int], Cell]:
        cells = (cell for study in self.studies for cell in self.cells(study))
        return {(cell.study, cell.model, cell.policy, cell.seed): cell for cell in cells}

    def evaluations_of(self, cell: Cell) -> list[CellEvaluation]:
        """Return how a cell is measured (see Study.evaluations_of)."""
        return self.studies[cell.study].evaluations_of(cell, self._greedy)

    def evaluation_of(self, cell: Cell, name: str) -> CellEvaluation:
        """Return the evaluation of a cell that has this name.

        Raises:
            RlvfError: the cell has no such evaluation.
        """
        for one in self.evaluations_of(cell):
            if one.name == name:
                return one
        raise RlvfError(f"{cell.study}: {cell.policy!r} has no evaluation {name!r}")

    def environment_of(self, study: Study, tasks: str) -> str:
        """Return the environment of a study's tasks, as their benchmark names it."""
        return BENCHMARKS[self.benchmarks[study.tasks[tasks].benchmark].kind].ENVIRONMENT

    def decoding_of(self, names: Mapping[str, str]) -> str:
        """Return the decoding of the evaluation that a job's wildcards name."""
        cell = self.cell(names["study"], names["model"], names["policy"], int(names["seed"]))
        return self.evaluation_of(cell, names["evaluation"]).decoding

    @cached_property
    def _greedy(self) -> set[str]:
        return {name for name, one in self.decodings.items() if one.temperature == 0}

    # ------------------------------------------------------------ slices

    # Each of these methods returns exactly what one stage of one cell depends on.

    def train_settings(self, cell: Cell) -> "TrainSettings":
        study = self.studies[cell.study]
        training = study.trainings[cell.policy]
        components = {name: self.rewards[name] for name in training.rewards}
        needs = {need for one in components.values() for need in one.needs}
        return TrainSettings(
            cell=CellId(**cell.model_dump(include=set(CellId.model_fields))),
            training=training,
            components=components,
            prompt=study.prompt_of(cell),
            sandbox=self.sandbox if "execution" in needs else None,
            lint=self.lint if "lint" in needs else None,
            dtype=self.models[cell.model].dtype,
        )

    def pretrain_settings(self, model: str) -> "PretrainSettings":
        settings = self.models[model]
        return PretrainSettings(model=settings, benchmark=self.benchmarks[settings.benchmark])

    def generate_settings(self, cell: Cell, evaluation: CellEvaluation) -> "GenerateSettings":
        return GenerateSettings(
            seed=cell.seed,
            prompt=self.studies[cell.study].prompt_of(cell),
            decoding=self.decodings[evaluation.decoding],
            dtype=self.models[cell.model].dtype,
        )

    def key_of(self, rule: str, names: Mapping[str, str], keys: Sequence[str]) -> str | None:
        """Return the key from which a value in the slice of a rule's job was taken. `names` are
        the job's wildcards, and `keys` lead to the value in the slice. None means that the value
        was not taken from a single key; another slice then tells of the change."""
        first, inner = keys[0], keys[1:]
        study, model = f"studies.{names.get('study')}", f"models.{names.get('model')}"
        match rule, first:
            case "study_cells", _:
                return None
            case "study_tasks", "settings":
                tasks = self.studies[names["study"]].tasks[names["tasks"]]
                place = f"benchmarks.{tasks.benchmark}"
            case "study_tasks", _:
                place, inner = f"{study}.tasks.{names['tasks']}", keys
            case "pretrain_model", "benchmark":
                place = f"benchmarks.{self.models[names['model']].benchmark}"
            case "pretrain_model", "model":
                place = model
            case "train", "training":
                levels = self.studies[names["study"]].policies[names["policy"]]
                place = f"{study}.{self.studies[names['study']].place_of(levels, inner[0])}"
            case "train", "components":
                place = "rewards"
            case "generate", "decoding":
                place = f"decodings.{self.decoding_of(names)}"
            case "train" | "generate", "prompt":
                place = f"{study}.prompt"
            case "train" | "generate", "dtype":
                place = f"{model}.dtype"
            case "execute", _:
                place, inner = "sandbox", keys
            case "lint", _:
                place, inner = "lint", keys
            case _, "analysis":
                place = f"{study}.analysis"
            case _, "hyperparameters":
                place, inner = inner[0], inner[1:]
            case _:
                place, inner = first, inner
        return ".".join([place, *inner])

    def figures_settings(self, study: str) -> "FiguresSettings":
        return FiguresSettings(scale=self.scale, analysis=self.studies[study].analysis)

    def tables_settings(self, study: str) -> "TablesSettings":
        return TablesSettings(
            scale=self.scale,
            analysis=self.studies[study].analysis,
            hyperparameters=self.hyperparameters(study),
        )

    def hyperparameters(self, study: str) -> dict[str, Any]:
        """Return, by section, the settings that a study's results depend on. Of the catalogues,
        these are the entries that the study names; of its own axes and tasks, those that it uses.
        """
        block = self.studies[study]
        named = {
            "benchmarks": [one["benchmark"] for one in block.used_tasks.values()],
            "models": block.models,
            "rewards": [name for one in block.trainings.values() for name in one.rewards],
            "decodings": [one.decoding for one in block.evaluations.values()],
            "studies": [study],
        }
        raw = self.model_dump(mode="json", include={*named, "sandbox", "lint"})
        for section, names in named.items():
            raw[section] = {name: raw[section][name] for name in dict.fromkeys(names)}
        raw["studies"][study] |= {"axes": block.used_axes, "tasks": block.used_tasks}
        return raw


class TrainSettings(Section):
    """All that `rlvf train` depends on besides its input files."""

    cell: CellId
    training: Recipe
    components: dict[Name, Component]
    prompt: PromptSettings
    sandbox: SandboxSettings | None
    lint: LintSettings | None
    dtype: Literal["float32", "bfloat16"]


class PretrainSettings(Section):
    """All that `rlvf pretrain` depends on."""

    model: MiniModel
    benchmark: minimbpp.Settings


class GenerateSettings(Section):
    """All that `rlvf generate` depends on besides its input files."""

    seed: int
    prompt: PromptSettings
    decoding: DecodingSettings
    dtype: Literal["float32", "bfloat16"]


class FiguresSettings(Section):
    """All that `rlvf figures` depends on besides its input files. The module of the study in
    rlvf.studies types `analysis`."""

    scale: Literal["paper", "mini"]
    analysis: dict[str, Any]


class TablesSettings(FiguresSettings):
    """All that `rlvf tables` depends on besides its input files."""

    hyperparameters: dict[str, Any]


def _known(key: str, given: Iterable, allowed: Iterable) -> None:
    for value in given:
        if value not in allowed:
            names = ", ".join(map(str, allowed)) or "nothing is defined"
            raise KeyedError(key, f"there is no {value!r} (allowed: {names})")


def _free(section: str, names: Iterable[str], taken: set[str]) -> None:
    for name in names:
        if name in taken:
            raise KeyedError(
                f"{section}.{name}",
                f"is the name of another folder in the results (all: {', '.join(sorted(taken))}); "
                "choose another name",
            )


def _check_analysis(study: str, analysis: dict[str, Any]) -> None:
    """Check a study's own settings of its analysis."""
    if not studies.exists(study):
        path = f"src/rlvf/studies/{studies.module_name(study)}.py"
        raise KeyedError("analysis", f"nothing says how the study's results are read; add {path}")
    settings = studies.module(study).Settings
    try:
        settings.model_validate(analysis)
    except ValidationError as error:
        key, _, message = describe(error, analysis).partition(": ")
        raise KeyedError(f"analysis.{key}", message) from error


def _key_exists(config: Config, dotted: str, where: str) -> None:
    value = config.model_dump()
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            raise KeyedError(where, f"there is no key {dotted!r} in the configuration")
        value = value[part]


# ---------------------------------------------------------------- reading


def parse_config(raw: dict, origin: str) -> Config:
    """Check a configuration that is already a mapping (Snakemake's `config`).

    Raises:
        RlvfError: a value is not allowed; the message is one line that names the key, what was
            given and what is allowed.
    """
    return validate(Config, raw, origin)


def load_config(*paths: Path) -> Config:
    """Read configuration files and check the result.

    Raises:
        RlvfError: see `read_config` and `parse_config`.
    """
    return parse_config(read_config(paths), " + ".join(map(str, paths)))


def read_config(paths: Iterable[Path], changes: Iterable[str] = ()) -> dict[str, Any]:
    """Read configuration files and lay each over those before it. `changes` from the command line
    are laid over all of them. Each is `key=value`, with the value written as in a file.

    Raises:
        RlvfError: a file cannot be read, or holds something other than keys and values.
    """
    raw: dict = {}
    for path in paths:
        raw = merge(raw, read(path))
    for change in changes:
        key, _, text = change.partition("=")
        raw = merge(raw, {key: read_value(text, f"--config {key}")})
    return raw
