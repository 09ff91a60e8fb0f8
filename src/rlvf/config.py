"""Parses and checks the configuration and expands studies into cells.

The YAML files state every value; the types in this module say which values are allowed. Sections
that are also used without a configuration file are in rlvf.settings, and those of benchmarks and
reward components are in rlvf.benchmarks and rlvf.rewards. A stage is given only the slice of the
configuration that it uses, as one JSON text (`Config.*_settings`), so that a changed key reruns
only the stages that read it.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from rlvf.benchmarks import BENCHMARKS, Benchmark, minimbpp
from rlvf.errors import RlvfError
from rlvf.reading import read, read_value
from rlvf.rewards import Component
from rlvf.runs.slurm import gpu_name, sbatch_options
from rlvf.settings import (
    Commit,
    KeyedError,
    LintSettings,
    Name,
    Positive,
    Probability,
    PromptSettings,
    Repo,
    SandboxSettings,
    Section,
    Seed,
    describe,
    validate,
)

CONTROLS = ("reference", "empty")
# Controls need no model; their paths have this name in its place.
NO_MODEL = "none"

# ---------------------------------------------------------------- where policies come from


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

    `benchmark` generates the corpus. The training takes `steps` optimiser steps, each on
    `batch_size` samples.
    """

    kind: Literal["mini"]
    architecture: Literal["qwen3", "llama"]
    benchmark: Name
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


# ---------------------------------------------------------------- rewards


class RewardSettings(Section):
    """Components by name, and mixes of them. A mix has the weights of the components whose weighted
    sum is a policy's reward."""

    components: dict[Name, Component]
    mixes: dict[Name, dict[Name, float]]

    @model_validator(mode="after")
    def _components_exist(self) -> "RewardSettings":
        for mix, weights in self.mixes.items():
            if not weights:
                raise KeyedError(f"mixes.{mix}", "names no component")
            for component in weights:
                if component not in self.components:
                    raise KeyedError(
                        f"mixes.{mix}",
                        f"there is no component {component!r} "
                        f"(allowed: {', '.join(sorted(self.components))})",
                    )
        return self


# ---------------------------------------------------------------- training, decoding


class AlgorithmSettings(Section):
    """The settings of the loss that distinguish GRPO from GSPO. Their names are those of TRL's
    GRPOTrainer."""

    importance_sampling_level: Literal["token", "sequence"]
    loss_type: Literal["grpo", "dr_grpo", "dapo", "bnpo"]
    scale_rewards: Literal["group", "batch", "none"]
    epsilon: float = Field(gt=0)
    epsilon_high: float = Field(gt=0)
    beta: float = Field(ge=0)


class LoraSettings(Section):
    """The settings of peft's low-rank adaptation (Hu et al. 2021, arXiv 2106.09685)."""

    r: Positive
    alpha: Positive
    dropout: float = Field(ge=0, lt=1)
    target_modules: Literal["all-linear"]


class TrainingSettings(Section):
    """The settings of one run of GRPOTrainer.

    A generation makes `generation_batch_size` completions, `group_size` for each prompt. It is
    followed by `optimizer_steps_per_generation` optimiser steps on equal parts of it. Each step is
    computed in micro-batches of `micro_batch_size`.
    """

    generations: Positive
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
    rollouts_kept_per_generation: int = Field(ge=0)
    lora: LoraSettings

    @model_validator(mode="after")
    def _values_fit(self) -> "TrainingSettings":
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
    def gradient_accumulation_steps(self) -> int:
        return self.generation_batch_size // (
            self.optimizer_steps_per_generation * self.micro_batch_size
        )

    @property
    def optimizer_steps(self) -> int:
        return self.generations * self.optimizer_steps_per_generation


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


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


# ---------------------------------------------------------------- studies


class Override(Section):
    """Other training or algorithm values for the cells that `where` selects.

    A key of `where` that is left out selects every value.
    """

    class Where(Section):
        model: Name | None = None
        algorithm: Name | None = None
        reward: Name | None = None
        seed: int | None = None

    where: Where
    training: dict[str, Any] = Field(default_factory=dict)
    algorithm: dict[str, Any] = Field(default_factory=dict)


class Study(Section):
    """A grid of cells: models × (base + algorithms × rewards) × seeds, and the controls."""

    benchmark: Name
    train_split: str
    test_split: str
    train_limit: Positive | None
    test_limit: Positive | None
    models: list[Name] = Field(min_length=1)
    algorithms: list[Name] = Field(min_length=1)
    rewards: list[Name] = Field(min_length=1)
    seeds: list[Seed] = Field(min_length=1)
    controls: list[Literal["reference", "empty"]]
    overrides: list[Override]
    published: list[str]

    @field_validator("models", "algorithms", "rewards", "seeds", "controls")
    @classmethod
    def _distinct(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError(f"names a value twice: {values}")
        return values


class Cell(Section):
    """One point of a study's grid. `algorithm` and `reward` are None if it is not trained."""

    study: str
    model: str
    policy: str
    seed: int
    algorithm: str | None = None
    reward: str | None = None

    @property
    def trained(self) -> bool:
        return self.algorithm is not None

    @property
    def control(self) -> bool:
        return self.policy in CONTROLS


# These names belong to files of the checkout, so results and caches must not lie there.
CHECKOUT = (
    *(".ci", ".git", ".gitignore", ".snakemake", ".venv", "CITATION.cff", "LICENSE", "Makefile"),
    *("README.md", "Snakefile", "benchmarks", "config", "config.yaml", "containers", "docs"),
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

# Names of these sections are also names of folders: in the results, in a study's folder and in a
# cell's folder (workflow/rules/common.smk). Other folders there already have the names listed here.
# The results of the mini scale are in the folder of the paper scale's.
TAKEN = {
    "studies": ("benchmarks", "fetched", "logs", "mini", "models"),
    "models": (NO_MODEL, "claims", "cost", "figures", "tables", "tasks"),
    "decodings": ("adapter", "checkpoints"),
}


class ResourceSettings(Section):
    """What a stage asks for: GPUs, CPU cores, memory in MB and run time in minutes."""

    gpus: int = Field(ge=0)
    cpus: Positive
    mem_mb: Positive
    runtime: Positive


class Resources(Section):
    train: ResourceSettings
    generate: ResourceSettings
    other: ResourceSettings


class Site(Section):
    """Settings that depend on the cluster and its users, not on the study. They are described in
    workflow/site.example.yaml. For GPU jobs, the settings `gpu_...` replace those for all jobs."""

    account: str | None = None
    partition: str | None = None
    gpu_partition: str | None = None
    qos: str | None = None
    gpu_qos: str | None = None
    constraint: str | None = None
    gpu_constraint: str | None = None
    gpu: str | None = None
    sbatch: str | None = None
    gpu_sbatch: str | None = None
    gpu_jobs: Positive | None = None
    seconds_to_save: int = Field(default=300, ge=0)

    @field_validator("sbatch", "gpu_sbatch")
    @classmethod
    def _executor_takes_options(cls, options: str | None) -> str | None:
        return sbatch_options(options) if options else None

    @field_validator("gpu")
    @classmethod
    def _executor_takes_gpu(cls, gpu: str | None) -> str | None:
        return gpu_name(gpu) if gpu else None

    def ask(self, stage: ResourceSettings, saves: bool = False) -> dict[str, Any]:
        """Return what a job of a stage asks Snakemake's Slurm executor for. `runtime` (in minutes)
        and `mem_mb` grow with each attempt. A job that `saves` its work gets a signal before its
        time limit."""
        options = [self._of(stage, "sbatch")]
        # Slurm sends the signal up to a minute early, and to a short job immediately.
        if saves and 0 < 2 * self.seconds_to_save < 60 * stage.runtime:
            options.append(f"--signal=TERM@{self.seconds_to_save}")
        asked = {
            "mem_mb": lambda wildcards, attempt: stage.mem_mb * attempt,
            "runtime": lambda wildcards, attempt: stage.runtime * attempt,
            "slurm_account": self.account,
            "slurm_partition": self._of(stage, "partition"),
            "qos": self._of(stage, "qos"),
            "constraint": self._of(stage, "constraint"),
            "slurm_extra": " ".join(filter(None, options)),
        }
        if stage.gpus:
            asked["gpu_jobs"] = 1
            asked |= {"gres": f"{self.gpu}:{stage.gpus}"} if self.gpu else {"gpu": stage.gpus}
        return {name: value for name, value in asked.items() if value not in (None, "")}

    def _of(self, stage: ResourceSettings, key: str) -> str | None:
        return (getattr(self, f"gpu_{key}") if stage.gpus else None) or getattr(self, key)


_NO_HYPERPARAMETERS = {"scale", "results", "cache", "resources", "checkpoint_every"}


class Config(Section):
    """The whole configuration of one scale."""

    scale: Literal["paper", "mini"]
    results: Folder
    cache: Folder
    benchmarks: dict[Name, Benchmark]
    models: dict[Name, Model]
    prompt: PromptSettings
    sandbox: SandboxSettings
    lint: LintSettings
    rewards: RewardSettings
    algorithms: dict[Name, AlgorithmSettings]
    training: TrainingSettings
    decodings: dict[Name, DecodingSettings]
    studies: dict[Name, Study]
    resources: Resources
    # A training makes a checkpoint after this many generations.
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
    def _names_are_free(self) -> "Config":
        for section, taken in TAKEN.items():
            for name in getattr(self, section):
                if name in taken:
                    raise KeyedError(
                        f"{section}.{name}",
                        f"is the name of another folder in the results (all: {', '.join(taken)}); "
                        "choose another name",
                    )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> "Config":
        for name, model in self.models.items():
            if model.kind == "mini":
                generated = [k for k, b in self.benchmarks.items() if b.kind == "minimbpp"]
                _known(f"models.{name}.benchmark", [model.benchmark], generated)
        for name, study in self.studies.items():
            where = f"studies.{name}"
            _known(f"{where}.benchmark", [study.benchmark], self.benchmarks)
            splits = BENCHMARKS[self.benchmarks[study.benchmark].kind].SPLITS
            _known(f"{where}.train_split", [study.train_split], splits)
            _known(f"{where}.test_split", [study.test_split], splits)
            _known(f"{where}.models", study.models, self.models)
            _known(f"{where}.algorithms", study.algorithms, self.algorithms)
            _known(f"{where}.rewards", study.rewards, self.rewards.mixes)
            for number, override in enumerate(study.overrides):
                for key, values in (
                    ("model", study.models),
                    ("algorithm", study.algorithms),
                    ("reward", study.rewards),
                    ("seed", study.seeds),
                ):
                    chosen = getattr(override.where, key)
                    if chosen is not None:
                        _known(f"{where}.overrides.{number}.where.{key}", [chosen], values)
            for key in study.published:
                _key_exists(self, key, f"{where}.published")
            places = set()
            for cell in self.cells(name):
                if (place := (cell.model, cell.policy, cell.seed)) in places:
                    raise KeyedError(
                        where,
                        f"two pairs of algorithm and reward are called {cell.policy!r}; rename one",
                    )
                places.add(place)
                if cell.trained:
                    self.train_settings(cell)
        return self

    def cells(self, study: str) -> Iterator[Cell]:
        """Yield every cell of a study: first the controls, then base and trained policies by model
        and seed."""
        grid = self.studies[study]
        for control in grid.controls:
            yield Cell(study=study, model=NO_MODEL, policy=control, seed=0)
        for model in grid.models:
            for seed in grid.seeds:
                yield Cell(study=study, model=model, policy="base", seed=seed)
                for algorithm in grid.algorithms:
                    for reward in grid.rewards:
                        yield Cell(
                            study=study,
                            model=model,
                            policy=f"{algorithm}-{reward}",
                            seed=seed,
                            algorithm=algorithm,
                            reward=reward,
                        )

    def decodings_of(self, cell: Cell) -> list[str]:
        """Return the decodings of a cell: all of them, or only one for a control, whose completions
        are not drawn from a model."""
        if not cell.control:
            return list(self.decodings)
        greedy = [name for name, decoding in self.decodings.items() if decoding.temperature == 0]
        return (greedy or list(self.decodings))[:1]

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

    # The following methods return slices: exactly what one stage of one cell depends on.

    def train_settings(self, cell: Cell) -> "TrainSettings":
        training = self.training.model_dump()
        algorithm = self.algorithms[cell.algorithm].model_dump()
        for override in self.studies[cell.study].overrides:
            wanted = override.where.model_dump(exclude_none=True)
            if all(getattr(cell, key) == value for key, value in wanted.items()):
                training = _merge(training, override.training)
                algorithm = _merge(algorithm, override.algorithm)
        mix = self.rewards.mixes[cell.reward]
        components = {name: self.rewards.components[name] for name in mix}
        used = components.values()
        try:
            return TrainSettings(
                cell=cell,
                training=TrainingSettings.model_validate(training),
                algorithm=AlgorithmSettings.model_validate(algorithm),
                components=components,
                weights=mix,
                prompt=self.prompt,
                sandbox=self.sandbox if any(c.needs_execution for c in used) else None,
                lint=self.lint if any(c.needs_lint for c in used) else None,
                dtype=self.models[cell.model].dtype,
            )
        except ValidationError as error:
            raise KeyedError(
                f"studies.{cell.study}.overrides",
                f"for {cell.model}/{cell.policy}/seed{cell.seed}: {describe(error, {})}",
            ) from error

    def hyperparameters(self, study: str) -> dict[str, Any]:
        """Return, by section, the settings that a study's results depend on. Paths, what jobs ask a
        cluster for, and models, benchmarks and algorithms that the study's grid does not name are
        left out."""
        raw = self.model_dump(mode="json", exclude=_NO_HYPERPARAMETERS)
        grid = self.studies[study]
        named = {"studies": [study], "benchmarks": [grid.benchmark]}
        named |= {"models": grid.models, "algorithms": grid.algorithms}
        for section, names in named.items():
            raw[section] = {name: raw[section][name] for name in names}
        return raw

    def pretrain_settings(self, model: str) -> "PretrainSettings":
        settings = self.models[model]
        return PretrainSettings(
            model=settings, benchmark=self.benchmarks[settings.benchmark], prompt=self.prompt
        )

    def generate_settings(self, cell: Cell, decoding: str) -> "GenerateSettings":
        return GenerateSettings(
            seed=cell.seed,
            prompt=self.prompt,
            decoding=self.decodings[decoding],
            dtype=self.models[cell.model].dtype,
        )


class TrainSettings(Section):
    """All that `rlvf train` depends on besides its input files."""

    cell: Cell
    training: TrainingSettings
    algorithm: AlgorithmSettings
    components: dict[Name, Component]
    weights: dict[Name, float]
    prompt: PromptSettings
    sandbox: SandboxSettings | None
    lint: LintSettings | None
    dtype: Literal["float32", "bfloat16"]


class PretrainSettings(Section):
    """All that `rlvf pretrain` depends on."""

    model: MiniModel
    benchmark: minimbpp.Settings
    prompt: PromptSettings


class GenerateSettings(Section):
    """All that `rlvf generate` depends on besides its input files."""

    seed: int
    prompt: PromptSettings
    decoding: DecodingSettings
    dtype: Literal["float32", "bfloat16"]


class TablesSettings(Section):
    """All that `rlvf tables` depends on besides its input files."""

    scale: Literal["paper", "mini"]
    hyperparameters: dict[str, Any]


def _known(key: str, given: list, allowed: Any) -> None:
    for value in given:
        if value not in allowed:
            names = ", ".join(str(name) for name in allowed) or "nothing is defined"
            raise KeyedError(key, f"there is no {value!r} (allowed: {names})")


def _key_exists(config: Config, dotted: str, where: str) -> None:
    value = config.model_dump()
    for part in dotted.split("."):
        if not isinstance(value, dict) or part not in value:
            raise KeyedError(where, f"there is no key {dotted!r} in the configuration")
        value = value[part]


def _merge(base: dict, changes: dict) -> dict:
    """Return `base` with `changes` laid over it. Mappings are merged; other values are replaced."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            value = _merge(merged[key], value)
        merged[key] = value
    return merged


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
        raw = _merge(raw, read(path))
    for change in changes:
        key, _, text = change.partition("=")
        raw = _merge(raw, {key: read_value(text, f"--config {key}")})
    return raw
