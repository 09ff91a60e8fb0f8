"""Defines what a study's cells are to all who read its results, and reads `cells.json`.

A cell's levels say what it is: `{"algorithm": "grpo", "reward": "tests"}`. The name of its policy
is for people and paths, and nobody takes it apart to learn the levels.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from rlvf.errors import RlvfError
from rlvf.records import CellId, Record, describe_problem

# A control answers without a model, and proves that the harness scores as it should. `base` is a
# model as it was published or pretrained. An untrained policy of the grid is base with another
# prompt.
CellKind = Literal["control", "base", "untrained", "trained"]
# The paths of controls have this name in the place of a model's.
NO_MODEL = "none"
BASE = "base"
# With these keys claims name something besides the axes of a study.
MODEL, POLICY = "model", "policy"


class Cell(CellId):
    """A point of a study's grid. `levels` has the level of every axis that the grid names;
    it is empty for controls and base."""

    kind: CellKind
    levels: dict[str, str] = Field(default_factory=dict)

    @property
    def trained(self) -> bool:
        return self.kind == "trained"

    @property
    def control(self) -> bool:
        return self.kind == "control"


class Cells(Record):
    """All cells of a study, and the axes along which its cells differ, each with its
    levels. Axes, levels and cells are in the configuration's order."""

    study: str
    axes: dict[str, list[str]]
    cells: list[Cell]

    @model_validator(mode="after")
    def _levels_exist(self) -> "Cells":
        for cell in self.cells:
            for axis, level in cell.levels.items():
                if level not in self.axes.get(axis, ()):
                    raise ValueError(f"{cell.policy}: axis {axis!r} has no level {level!r}")
        return self

    @cached_property
    def policies(self) -> dict[str, Cell]:
        """One cell of each policy, by the policy's name, in the order in which they are shown:
        controls, base, policies of the grid. What a policy is does not depend on model and seed."""
        found: dict[str, Cell] = {}
        for cell in self.cells:
            found.setdefault(cell.policy, cell)
        return found

    def of_kind(self, *kinds: CellKind) -> Iterator[str]:
        """Yield the names of the policies of these kinds."""
        return (name for name, cell in self.policies.items() if cell.kind in kinds)


def read_cells(path: Path) -> Cells:
    """Read `cells.json` of a study.

    Raises:
        RlvfError: the file cannot be read, or does not describe the cells of a study.
    """
    try:
        return Cells.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise RlvfError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise RlvfError(f"{path}: {key}: {describe_problem(problem)}") from error
