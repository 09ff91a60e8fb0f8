"""Defines how cells are ordered and named in every table, figure and paragraph."""

from collections.abc import Callable
from typing import Literal

from rlvf.cells import NO_MODEL, Cells

Scale = Literal["paper", "mini"]

# Nobody must take numbers of the mini scale for the paper's, so every table, figure and page has
# this note.
SCALE_NOTES: dict[Scale, str] = {
    "paper": "paper scale",
    "mini": "mini scale: tiny models on a generated benchmark; "
    "not comparable with the paper's numbers",
}


def cell_key(cells: Cells) -> Callable[[str, str], tuple]:
    """Return a key of model and policy that sorts cells by model, with the controls, which have
    none, before all, and then as the study orders its policies."""
    places = {policy: place for place, policy in enumerate(cells.policies)}
    return lambda model, policy: (model != NO_MODEL, model, places[policy])


def model_label(model: str) -> str:
    return "control" if model == NO_MODEL else model


def words(name: str) -> str:
    """Write a name such as `wrong_answer` with spaces, for readers."""
    return name.replace("_", " ")
