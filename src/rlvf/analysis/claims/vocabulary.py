"""Defines what a claims file may say."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from rlvf.cells import POLICY
from rlvf.settings import KeyedError, Name, Section


class Relation(Section):
    """What is said about a difference; the margin is in percentage points for rates."""

    above: float | None = None
    below: float | None = None
    differs_by: float | None = Field(default=None, ge=0)
    within: float | None = Field(default=None, gt=0)
    no_reliable_gain: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> "Relation":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError(f"needs one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def name(self) -> str:
        return next(iter(self.model_dump(exclude_none=True)))

    @property
    def margin(self) -> float:
        return getattr(self, self.name)


class Predicate(Section):
    """A statement about cells. `cells` selects the trained cells that have these levels of axes, or
    this `model`; what is not named selects all. Each is compared with base or with every other of
    them (`against: {policy: base}` or `{policy: other}`), or with the cell that has another level
    of one axis. All of these are of the same model."""

    says: str
    cells: dict[Name, str]
    against: dict[Name, str] = Field(min_length=1, max_length=1)
    quantifier: Literal["any", "all", "mean"]
    expect: dict[str, Relation] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_question(self) -> "Predicate":
        ((key, value),) = self.against.items()
        if key == POLICY and value not in ("base", "other"):
            raise KeyedError("against.policy", f"is base or other, not {value!r}")
        if self.cells.get(key) == value:
            raise KeyedError(f"against.{key}", f"the cells themselves have {value!r}")
        if value == "other" and self.quantifier == "mean":
            raise KeyedError("quantifier", "the mean over pairs without an order says nothing")
        return self


class Claim(Section):
    """A claim of the source; `quote` is its wording there."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    quote: str
    predicates: list[Predicate] = Field(min_length=1)


class Claims(Section):
    source: str
    claims: list[Claim] = Field(min_length=1)

    @field_validator("claims")
    @classmethod
    def _distinct(cls, claims: list[Claim]) -> list[Claim]:
        names = [claim.id for claim in claims]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two claims have the id {twice[0]!r}")
        return claims
