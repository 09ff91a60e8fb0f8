"""Decides whether results support a predicate."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from rlvf.analysis.claims.vocabulary import Predicate, Relation
from rlvf.analysis.labels import cell_key
from rlvf.analysis.statistics import Contrast, holm
from rlvf.analysis.summary import is_rate
from rlvf.cells import MODEL, POLICY, Cells

Verdict = Literal["supported", "not supported", "undecided"]
_ALPHA = 0.05


class Evidence(NamedTuple):
    """One comparison of one measure. The estimate and the interval are in percentage points for
    rates. The null hypothesis of `p` is the relation's contrary, that of `p_contrary` is the
    relation."""

    model: str
    policy: str
    other: str
    measure: str
    relation: str
    margin: float
    estimate: float
    low: float
    high: float
    p: float
    p_contrary: float
    tasks: int
    seeds: int
    verdict: Verdict


class Finding(NamedTuple):
    """A predicate's verdict and its comparisons, each with the evidence for every expectation.
    For each comparison, `p_adjusted` and `p_contrary_adjusted` are the p-values of all its
    expectations together, corrected by Holm's method."""

    predicate: Predicate
    verdict: Verdict
    comparisons: list[list[Evidence]]
    p_adjusted: list[float]
    p_contrary_adjusted: list[float]

    @property
    def decisive(self) -> int | None:
        """The number of the comparison that decides the verdict: the clearest one if one is enough,
        the least clear one if all must agree."""
        refuted = self.verdict == "not supported"
        p_values = self.p_contrary_adjusted if refuted else self.p_adjusted
        all_must = (self.predicate.quantifier == "all") != refuted
        plain = [max(one.p for one in comparison) for comparison in self.comparisons]
        return (max if all_must else min)(
            range(len(p_values)), key=lambda i: (p_values[i], plain[i]), default=None
        )


# The measures of each cell in the main evaluation, by model and policy.
Measured = dict[tuple[str, str], dict[str, np.ndarray]]
# A model, a policy and the policy with which that is compared.
Pair = tuple[str, str, str]


def evaluate(predicate: Predicate, cells: Cells, measured: Measured) -> Finding:
    pairs = _pairs(predicate, cells, measured)
    groups = [pairs] if predicate.quantifier == "mean" and pairs else [[pair] for pair in pairs]
    comparisons = [
        [_compare(group, measured, *expected) for expected in predicate.expect.items()]
        for group in groups
    ]
    # All expectations of a comparison must be met, so a single one that is not met refutes it.
    p_values = [max(one.p for one in found) for found in comparisons]
    p_contrary = [
        min(1, len(found) * min(one.p_contrary for one in found)) for found in comparisons
    ]
    holds = [all(one.verdict == "supported" for one in found) for found in comparisons]
    fails = [
        any(one.verdict == "not supported" for one in found) and p < _ALPHA
        for found, p in zip(comparisons, p_contrary, strict=True)
    ]
    adjusted, contrary_adjusted = holm(p_values), holm(p_contrary)
    if predicate.quantifier == "any":
        supported, refuted = _one_surely(holds, adjusted), all(fails)
    else:
        supported, refuted = all(holds), _one_surely(fails, contrary_adjusted)
    verdict: Verdict = "supported" if supported else "not supported" if refuted else "undecided"
    if not comparisons:
        verdict = "undecided"
    return Finding(predicate, verdict, comparisons, adjusted, contrary_adjusted)


def _one_surely(found: list[bool], adjusted: list[float]) -> bool:
    return any(one and p < _ALPHA for one, p in zip(found, adjusted, strict=True))


def conjunction(verdicts: Sequence[Verdict]) -> Verdict:
    if "not supported" in verdicts:
        return "not supported"
    return "undecided" if "undecided" in verdicts else "supported"


def _pairs(predicate: Predicate, cells: Cells, measured: Measured) -> list[Pair]:
    """Return the model, policy and other policy of each comparison that the results have."""
    key = cell_key(cells)
    chosen = [
        (model, policy)
        for model, policy in sorted(measured, key=lambda cell: key(*cell))
        if (cell := cells.policies[policy]).trained
        and predicate.cells.items() <= {MODEL: model, **cell.levels}.items()
    ]
    if predicate.against.get(POLICY) == "other":
        pairs = [
            (model, policy, other)
            for (model, other), (same, policy) in combinations(chosen, 2)
            if model == same
        ]
    else:
        pairs = [
            (model, policy, other)
            for model, policy in chosen
            for other in _others(cells, policy, predicate.against)
        ]
    return [pair for pair in pairs if pair[1] != pair[2] and (pair[0], pair[2]) in measured]


def _others(cells: Cells, policy: str, against: dict[str, str]) -> list[str]:
    """Return base, or the policies with these levels that are otherwise like this one."""
    if POLICY in against:
        return list(cells.of_kind("base"))
    wanted = cells.policies[policy].levels | against
    return [name for name in cells.of_kind("trained") if cells.policies[name].levels == wanted]


def _compare(pairs: list[Pair], measured: Measured, measure: str, relation: Relation) -> Evidence:
    """Compare each cell with the other one and judge the mean difference over the pairs."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for model, policy, other in pairs:
        weights[model, policy] += 1 / len(pairs)
        weights[model, other] -= 1 / len(pairs)
    compared = Contrast([(weight, measured[cell][measure]) for cell, weight in weights.items()])
    scale = 100 if is_rate(measure) else 1
    found = compared.interval
    low, high, margin = scale * found.low, scale * found.high, relation.margin

    def above(limit: float) -> float:
        return compared.p_above(limit / scale)

    def below(limit: float) -> float:
        return compared.p_below(limit / scale)

    if relation.name == "above":
        holds, fails, p, p_contrary = low > margin, high < margin, above(margin), below(margin)
    elif relation.name == "below":
        holds, fails, p, p_contrary = high < margin, low > margin, below(margin), above(margin)
    elif relation.name == "no_reliable_gain":
        fails, p, p_contrary = low > 0, below(margin), above(0)
        holds = high < margin and not fails
    else:
        inside, outside = -margin < low and high < margin, low > margin or high < -margin
        p_inside = max(below(margin), above(-margin))
        p_outside = min(above(margin), below(-margin))
        holds, fails, p, p_contrary = inside, outside, p_inside, p_outside
        if relation.name == "differs_by":
            holds, fails, p, p_contrary = outside, inside, p_outside, p_inside
    verdict: Verdict = "undecided"
    if holds and p < _ALPHA:
        verdict = "supported"
    elif fails and p_contrary < _ALPHA:
        verdict = "not supported"
    models, policies, others = (
        ", ".join(dict.fromkeys(names)) for names in zip(*pairs, strict=True)
    )
    return Evidence(
        model=models,
        policy=policies,
        other=others,
        measure=measure,
        relation=relation.name,
        margin=margin,
        estimate=scale * found.estimate,
        low=low,
        high=high,
        p=p,
        p_contrary=p_contrary,
        tasks=found.tasks,
        seeds=found.seeds,
        verdict=verdict,
    )
