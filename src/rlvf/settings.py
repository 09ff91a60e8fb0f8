"""What the sections of the configuration are built from, some of the sections, and how one section
is read and written.

Sections that a person also needs without a configuration file have defaults, which are equal to
config.yaml's.
"""

import importlib
import json
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from rlvf.errors import RlvfError
from rlvf.reading import read, read_mapping
from rlvf.records import Severity, describe_problem

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._]*(-[a-z0-9._]+)*$")]
PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
Positive = Annotated[int, Field(gt=0)]
Probability = Annotated[float, Field(gt=0, le=1)]
# A commit is given in full, so that it cannot move.
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
# Every library that draws random numbers takes such a seed.
Seed = Annotated[int, Field(ge=0, lt=2**32)]


def _of_the_hub(repo: str) -> str:
    # In folders' names "--" stands for the slash.
    if not re.fullmatch(r"(\w[\w.-]*/)?\w[\w.-]*", repo, re.ASCII) or re.search(r"--|\.\.", repo):
        raise ValueError(f"{repo!r} is no repository's name as the hub allows it: NAMESPACE/NAME")
    return repo


Repo = Annotated[str, AfterValidator(_of_the_hub)]


def _written_out(path: str) -> str:
    if not path or path.startswith("~") or "$" in path or not path.isprintable():
        raise ValueError(f"{path!r} is not a path written out (no ~, no $VARIABLE, no line break)")
    return path


# A file or folder that a user has, as an option of a stage.
UsersPath = Annotated[str, AfterValidator(_written_out)]


class KeyedError(ValueError):
    """Says what is wrong with `key`, which is a path that begins in the section that raises it."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


class Section(BaseModel):
    """A section of the configuration. Unknown keys, inexact types and infinite numbers are
    errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _keys_exist(cls, raw: Any) -> Any:
        for key in raw if isinstance(raw, dict) else ():
            if key not in cls.model_fields:
                raise KeyedError(
                    str(key), f"there is no such key (allowed: {', '.join(cls.model_fields)})"
                )
        return raw


# ---------------------------------------------------------------- prompt, sandbox, lint, fetching


class PromptSettings(Section):
    """How a task becomes a prompt; its environment has the wording (see rlvf.environments)."""

    tests_shown: int = Field(ge=0)
    chat: bool
    thinking: bool


class SandboxSettings(Section):
    """Limits for one candidate, and the layers of isolation (see rlvf.sandbox) without which
    nothing is run.

    `timeout` is for each test, and for loading the code; `total_timeout` for all of them together.
    Both are seconds of processor time, so that a busy machine changes no verdict; `wall_factor`
    times as much may be spent in all, time that a candidate chooses to wait included. `memory_mb`
    is the address space. `packages` are those that candidates may import beside the standard
    library; if there are none, the key is not written.
    """

    timeout: float = Field(default=10.0, gt=0)
    total_timeout: float = Field(default=60.0, gt=0)
    wall_factor: float = Field(default=3.0, ge=1)
    memory_mb: Positive = 512
    output_kb: Positive = 64
    minimum: tuple[Literal["rlimits", "seccomp", "landlock", "namespaces", "account"], ...] = (
        "rlimits",
        "seccomp",
        "landlock",
    )
    packages: tuple[PackageName, ...] = Field(default=(), exclude_if=lambda names: not names)

    @field_validator("minimum", "packages", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _tuples(value)


class LintSettings(Section):
    """Which Ruff rules count, and how much: `severities` maps a level to rule prefixes.

    The longest prefix that matches a rule wins; a rule that none matches is `default_severity`.
    Ruff's target version is no setting: it is that of the Python that runs the code.
    """

    select: tuple[str, ...] = ("E", "F", "W", "B", "C4", "SIM", "UP", "PIE", "RET")
    ignore: tuple[str, ...] = ()
    line_length: Positive = 100
    severities: dict[Severity, tuple[str, ...]] = {
        "error": ("invalid-syntax", "F", "E9", "E722"),
        "info": ("W", "E1", "E2", "E3", "E5"),
    }
    default_severity: Severity = "warning"

    @model_validator(mode="before")
    @classmethod
    def _no_target_version(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "target_version" in raw:
            raise KeyedError(
                "target_version",
                "Ruff's target is the Python that runs the code, so there is no such key any more; "
                "remove it",
            )
        return raw

    @field_validator("severities", "select", "ignore", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _tuples(value)


def _tuples(value: Any) -> Any:
    """YAML and JSON have lists only; the frozen sections hold tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


class FetchSettings(Section):
    """All that `rlvf fetch` depends on: a model (kind hub) or a benchmark's dataset."""

    kind: Literal["hub", "mbpp"]
    repo: Repo
    revision: Commit


def fetch_settings(source: Any) -> FetchSettings:
    return FetchSettings(kind=source.kind, repo=source.repo, revision=source.revision)


# ---------------------------------------------------------------- sections with kinds


class RewardComponent(Section):
    """A component's settings, and which checks it reads (see rlvf.rewards)."""

    needs: ClassVar[frozenset[Literal["execution", "lint"]]] = frozenset()


def kinds(package: str, path: list[str]) -> dict[str, ModuleType]:
    """The modules of a package by name. Each of them is one kind of a section, and holds its
    `Settings` and what they are for. So a kind is added by adding a file."""
    names = sorted(module.name for module in pkgutil.iter_modules(path))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


# ---------------------------------------------------------------- reading


S = TypeVar("S", bound=BaseModel)


def merge(base: dict, changes: dict) -> dict:
    """Return `base` with `changes` laid over it. Mappings are merged; other values are replaced."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            value = merge(merged[key], value)
        merged[key] = value
    return merged


def parse_settings(text: str, settings: type[S], origin: str = "--settings") -> S:
    """Settings from JSON text, or from a JSON or YAML file that `text` names.

    Raises:
        RlvfError: as `load_config`.
    """
    if text.lstrip().startswith("{"):
        return validate(settings, read_mapping(text, origin), origin)
    return validate(settings, read(Path(text)), text)


def to_json(settings: Section | dict) -> str:
    """Settings as one canonical line. Keys are sorted, so that reordering YAML changes nothing."""
    raw = settings.model_dump(mode="json") if isinstance(settings, Section) else settings
    return json.dumps(raw, sort_keys=True)


def validate(settings: type[S], raw: Any, origin: str) -> S:
    """A section from what YAML or JSON holds.

    Raises:
        RlvfError: one line that names `origin`, the key, what was given and what is allowed.
    """
    try:
        return settings.model_validate(raw)
    except ValidationError as error:
        raise RlvfError(f"{origin}: {describe(error, raw)}") from error


def describe(error: ValidationError, raw: Any) -> str:
    """`key: what is wrong (given: ...)` for the first problem found."""
    first = error.errors()[0]
    # pydantic puts the kind of a section (hub, mini, ...) into its path; YAML has no such key.
    path, place = [], raw
    for part in first["loc"]:
        if isinstance(place, dict) and part == place.get("kind") and part not in place:
            continue
        path.append(str(part))
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            place = None
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, KeyedError):
        path.append(cause.key)
        message = str(cause)
    else:
        message = describe_problem(first)
        if first["type"] == "string_type" and isinstance(first["input"], int | float):
            message += "; as text it stands in quotes"
    return f"{'.'.join(path)}: {message}"
