"""What a measure is. The table of an environment's measures is its `MEASURES`; everything that
tables, figures and claims show is computed from these by rlvf.analysis.summary.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["sample", "task", "seed"]


@dataclass(frozen=True)
class Measure:
    """A measure, or a family of measures whose names begin alike.

    Attributes:
        name: such as `tokens`. The name of a family ends with `.` or `@`, which the name of a
            member follows, as in `verdict.passed` and `pass@1`.
        title: the name for people. That of a family is a function of the member's name.
        unit: what an amount counts. It is None for a rate, which is a share in [0, 1].
        of: what `value` is given. A measure of a *sample* is averaged over all samples, and one of
            a *task* over tasks. A measure of a *seed* is one number for all samples together; it is
            not known task by task, so it has no interval and cannot be compared.
        value: a function of a sample; of all samples of a task, including those that were not
            scored; or of all scored samples of a cell's seed. It returns a number, or None where
            the measure is not defined. That of a family returns numbers by member. Where it leaves
            a member out, the member is not defined, or is 0 in a measure of a seed.
        table: the table of rlvf.analysis.tables that has a column for it, if that table has one for
            each of its measures.
    """

    name: str
    title: str | Callable[[str], str]
    unit: str | None
    of: Level
    value: Callable[[Any], Any]
    table: str | None = None

    @property
    def is_rate(self) -> bool:
        return self.unit is None

    @property
    def is_family(self) -> bool:
        return self.name[-1] in ".@"

    def has(self, name: str) -> bool:
        """Whether this is the measure of that name, or the family of which it is a member."""
        return name.startswith(self.name) if self.is_family else name == self.name

    def title_of(self, name: str) -> str:
        """Return the title of a measure that this `has`."""
        return self.title(name.removeprefix(self.name)) if self.is_family else self.title


def evaluate(measures: Iterable[Measure], of: Level, given: Any) -> dict[str, float]:
    """Return the values of all measures of this level, by name. Those not defined are NaN, as all
    are for an empty list of samples."""
    found = {}
    for measure in measures:
        if measure.of != of:
            continue
        value = measure.value(given) if given else None
        members = (value or {}) if measure.is_family else {"": value}
        found |= {f"{measure.name}{member}": _number(one) for member, one in members.items()}
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return an unbiased estimate of the probability that at least one of k samples passes.

    It is 1 - C(n - c, k) / C(n, k) for c passes among n ≥ k samples (Chen et al. 2021,
    arXiv 2107.03374, equation 1). For n = 5, c = 2 and k = 2 it is 1 - 3 / 10 = 0.7.
    """
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def estimates_of_pass_at_k(outcomes: Sequence[bool | None]) -> dict[str, float | None]:
    """Return pass@k of one task for k = 1, 2, 4 and so on up to its number of samples.

    `outcomes` says of each sample whether it passed, and is None if it was not scored. Where fewer
    than k samples were scored, the estimate is None.
    """
    scored = [outcome for outcome in outcomes if outcome is not None]
    n, c = len(scored), sum(scored)
    ks = [2**i for i in range(len(outcomes).bit_length())]
    return {str(k): pass_at_k(n, c, k) if n >= k else None for k in ks}
