"""Tests the claims of a publication, written as statements about measures, on the results.

A claims file (YAML, for instance paper/claims.yaml) lists claims, each with the source's wording
and with predicates that must all hold. A predicate compares cells of the same model, in the main
decoding, task by task:

    says: Rewarding Ruff alone shortens completions.
    cells: {reward: ruff}          # model, algorithm, reward; what is left out is free
    against: {policy: base}        # or {policy: other}: all pairs of the cells; or {reward: tests},
                                   # {algorithm: grpo}: the cell that differs in that alone
    quantifier: mean               # over these comparisons: any, all, or their mean difference
    expect: {tokens: {below: 0}}   # measure: relation; several must hold of the same comparison

Measures are those of `rlvf.analysis.summary.outcomes`. A margin is in percentage points if the
measure is a rate, and otherwise in the measure's unit. A relation is a statement about the
difference D, which is the cell's value minus the other's:

| relation | it says | its contrary |
|---|---|---|
| `above: m` | D > m | D ≤ m |
| `below: m` | D < m | D ≥ m |
| `differs_by: m` | D > m or D < -m | -m ≤ D ≤ m |
| `within: m` | -m < D < m: equivalent | D ≤ -m or D ≥ m |
| `no_reliable_gain: m` | D < m, and D is not reliably above 0 | D > 0 |

A relation is *supported* if both the 95 % interval of D and the test exclude its contrary, *not
supported* if both exclude the relation itself, and otherwise *undecided*. Not finding a difference
does not prove that there is none. Only `within` and `no_reliable_gain` can prove that, by excluding
all differences that matter (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15,
657).

If one comparison of many is enough for a verdict (to support `any`, or to refute `all`), each
comparison is another opportunity for chance; p-values are then corrected by Holm's method over the
predicate's comparisons. If all comparisons must agree, their p-values need no correction (Berger
1982, Technometrics 24, 295). For the same reason a claim's predicates need none. Each claim is
judged by itself.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from rlvf.analysis.labels import SCALE_NOTES, Scale, cell_key, is_trained, split_policy, words
from rlvf.analysis.statistics import Contrast, holm
from rlvf.analysis.summary import counts, is_rate, main_decoding, outcomes
from rlvf.analysis.tables import Table, basis, show_signed, write_numbers, write_table
from rlvf.errors import RlvfError
from rlvf.settings import KeyedError, Section

NUMBERS = "claims.json"

Verdict = Literal["supported", "not supported", "undecided"]
_ALPHA = 0.05
_READING = (
    "Differences are paired over tasks. Supported: the interval excludes the contrary; not "
    "supported: it lies within the contrary; undecided: neither. p is of the contrary of what is "
    "said (where that is not supported: of what is said), by Holm's correction for the comparisons "
    "of a statement; it decides where one comparison is enough. claims.json has the command that "
    "recomputes this."
)


# ---------------------------------------------------------------- the claims file


class Selection(Section):
    """Selects the trained cells that have these values; a value that is None selects all."""

    model: str | None = None
    algorithm: str | None = None
    reward: str | None = None


class Against(Section):
    """What each cell is compared with: base, every other selected cell, or the cell with another
    algorithm or reward. All of these are of the same model."""

    policy: Literal["base", "other"] | None = None
    algorithm: str | None = None
    reward: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Against":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("needs one of policy, algorithm, reward")
        return self


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
    says: str
    cells: Selection
    against: Against
    quantifier: Literal["any", "all", "mean"]
    expect: dict[str, Relation] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_a_question(self) -> "Predicate":
        for key, value in self.against.model_dump(exclude_none=True).items():
            if getattr(self.cells, key, None) == value:
                raise KeyedError(f"against.{key}", f"the cells themselves have {value!r}")
        if self.against.policy == "other" and self.quantifier == "mean":
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


# ---------------------------------------------------------------- evaluation


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


def write_claims(
    claims: Claims, origin: str, samples: pd.DataFrame, command: str, out_dir: Path, scale: Scale
) -> None:
    """Write claims and evidence as CSV, Markdown, HTML and LaTeX, and claims.json.

    Args:
        origin: where the claims come from, for error messages.
        samples: from `rlvf.analysis.summary.load_samples`.
        command: the command that recomputes this, which claims.json quotes.

    Raises:
        RlvfError: a claim names a measure that does not exist.
    """
    measured, decoding = outcomes(samples), main_decoding(samples)
    cells = {
        (model, policy): measures
        for (model, policy, of), measures in measured.items()
        if of == decoding
    }
    _check_measures(claims, origin, cells)
    found = [[_evaluate(one, cells) for one in claim.predicates] for claim in claims.claims]
    study = samples["study"].iloc[0]
    start = {"study": study, "decoding": decoding}
    note = f"{basis(counts(samples).reset_index())} Decoding {decoding}. {_READING}"
    tables = [_verdicts(claims, found, start, note), _evidence(claims, found, start, note)]
    for table in tables:
        write_table(table, out_dir, scale)
    numbers = {
        "scale": scale,
        "scale_note": SCALE_NOTES[scale],
        "study": study,
        "source": claims.source,
        "decoding": decoding,
        "command": command,
        "claims": [
            {
                "id": claim.id,
                "title": claim.title,
                "quote": claim.quote,
                "verdict": _conjunction([finding.verdict for finding in findings]),
                "predicates": [_finding_numbers(finding) for finding in findings],
            }
            for claim, findings in zip(claims.claims, found, strict=True)
        ],
        "tables": {table.name: table.for_paper() for table in tables},
    }
    write_numbers(numbers, Path(out_dir) / NUMBERS)


def _check_measures(claims: Claims, origin: str, cells: dict) -> None:
    allowed = sorted(set().union(*cells.values()))
    for i, claim in enumerate(claims.claims):
        for j, predicate in enumerate(claim.predicates):
            for measure in predicate.expect:
                if measure not in allowed:
                    raise RlvfError(
                        f"{origin}: claims.{i}.predicates.{j}.expect: there is no measure "
                        f"{measure!r} (allowed: {', '.join(allowed)})"
                    )


Cells = dict[tuple[str, str], dict[str, np.ndarray]]
Pair = tuple[str, str, str]


def _evaluate(predicate: Predicate, cells: Cells) -> Finding:
    pairs = _pairs(predicate, cells)
    groups = [pairs] if predicate.quantifier == "mean" and pairs else [[pair] for pair in pairs]
    comparisons = [
        [_compare(group, cells, *expected) for expected in predicate.expect.items()]
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


def _conjunction(verdicts: Sequence[Verdict]) -> Verdict:
    if "not supported" in verdicts:
        return "not supported"
    return "undecided" if "undecided" in verdicts else "supported"


def _pairs(predicate: Predicate, cells: Cells) -> list[Pair]:
    """Return the model, policy and other policy of each comparison that the results have."""
    wanted = predicate.cells.model_dump(exclude_none=True)
    against = predicate.against
    chosen = [
        (model, policy)
        for model, policy in sorted(cells, key=lambda cell: cell_key(*cell))
        if is_trained(policy) and wanted.items() <= _names(model, policy).items()
    ]
    if against.policy == "other":
        pairs = [
            (model, policy, other)
            for (model, other), (same, policy) in combinations(chosen, 2)
            if model == same
        ]
    else:
        pairs = [(model, policy, _other(policy, against)) for model, policy in chosen]
    return [pair for pair in pairs if pair[1] != pair[2] and (pair[0], pair[2]) in cells]


def _names(model: str, policy: str) -> dict[str, str]:
    algorithm, reward = split_policy(policy)
    return {"model": model, "algorithm": algorithm, "reward": reward}


def _other(policy: str, against: Against) -> str:
    algorithm, reward = split_policy(policy)
    return against.policy or f"{against.algorithm or algorithm}-{against.reward or reward}"


def _compare(pairs: list[Pair], cells: Cells, measure: str, relation: Relation) -> Evidence:
    """Compare each cell with the other one and judge the mean difference over the pairs."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for model, policy, other in pairs:
        weights[model, policy] += 1 / len(pairs)
        weights[model, other] -= 1 / len(pairs)
    compared = Contrast([(weight, cells[cell][measure]) for cell, weight in weights.items()])
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


# ---------------------------------------------------------------- tables


def _rows(
    claims: Claims, found: list[list[Finding]]
) -> Iterator[tuple[Claim, Verdict, int, Finding]]:
    """Yield each predicate's claim, the claim's verdict, the predicate's number (from 1) and its
    finding."""
    for claim, findings in zip(claims.claims, found, strict=True):
        verdict = _conjunction([finding.verdict for finding in findings])
        for number, finding in enumerate(findings, 1):
            yield claim, verdict, number, finding


def _verdicts(claims: Claims, found: list[list[Finding]], start: dict, note: str) -> Table:
    rows, shown = [], []
    for claim, verdict, number, finding in _rows(claims, found):
        predicate = finding.predicate
        row = {"claim": claim.id, "claim_verdict": verdict, "predicate": number}
        row |= {"says": predicate.says, "verdict": finding.verdict}
        row |= {"quantifier": predicate.quantifier, "comparisons": len(finding.comparisons)}
        rows.append(start | row | {"quote": claim.quote})
        shown.append(
            {
                "The source claims": f"{claim.title}: {verdict}" if number == 1 else "",
                "Statement": predicate.says,
                "Evidence": _decisive_text(finding),
                "Verdict": finding.verdict,
            }
        )
    caption = f"Claims of {claims.source}, and what these results say of them"
    return Table("claims", caption, pd.DataFrame(rows), pd.DataFrame(shown), note)


def _decisive_text(finding: Finding) -> str:
    place = finding.decisive
    if place is None:
        return "these results have no such cells"
    evidence = finding.comparisons[place]
    refuted = finding.verdict == "not supported"
    p = (finding.p_contrary_adjusted if refuted else finding.p_adjusted)[place]
    first = evidence[0]
    parts = ", ".join(f"{one.measure} {_difference_text(one)}" for one in evidence)
    which = (
        "mean of" if finding.predicate.quantifier == "mean" else f"{finding.predicate.quantifier}:"
    )
    return (
        f"{which} {first.policy} − {first.other}, {first.model}: {parts}; adjusted p {_p_text(p)}"
    )


def _evidence(claims: Claims, found: list[list[Finding]], start: dict, note: str) -> Table:
    rows, shown = [], []
    for claim, _, number, finding in _rows(claims, found):
        adjusted = zip(finding.p_adjusted, finding.p_contrary_adjusted, strict=True)
        for comparison, (p, contrary) in zip(finding.comparisons, adjusted, strict=True):
            for one in comparison:
                place = {"claim": claim.id, "predicate": number}
                both = {"p_adjusted": p, "p_contrary_adjusted": contrary}
                rows.append(start | place | one._asdict() | both)
                shown.append(
                    {
                        "Claim": f"{claim.id} {number}",
                        "Model": one.model,
                        "Policy": f"{one.policy} − {one.other}",
                        "Measure": one.measure,
                        "Expected": f"{words(one.relation)} {one.margin:g}",
                        "Difference": _difference_text(one),
                        "p": _p_text(p),
                        "p of contrary": _p_text(contrary),
                        "By itself": one.verdict,
                    }
                )
    columns = ["claim", "predicate", *Evidence._fields, "p_adjusted", "p_contrary_adjusted"]
    titles = ["Claim", "Model", "Policy", "Measure", "Expected", "Difference", "p"]
    data = pd.DataFrame(rows, columns=[*start, *columns])
    return Table(
        "evidence",
        "Every comparison behind the claims",
        data,
        pd.DataFrame(shown, columns=[*titles, "p of contrary", "By itself"]),
        note,
    )


def _difference_text(one: Evidence) -> str:
    unit = " points" if is_rate(one.measure) else ""
    numbers = [show_signed(value, 1 if unit else 2) for value in (one.estimate, one.low, one.high)]
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]}){unit}"


def _p_text(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _finding_numbers(finding: Finding) -> dict:
    return {
        "says": finding.predicate.says,
        "quantifier": finding.predicate.quantifier,
        "verdict": finding.verdict,
        "decisive": finding.decisive,
        "comparisons": [
            {
                "p_adjusted": p,
                "p_contrary_adjusted": contrary,
                "evidence": [one._asdict() for one in comparison],
            }
            for comparison, p, contrary in zip(
                finding.comparisons, finding.p_adjusted, finding.p_contrary_adjusted, strict=True
            )
        ],
    }
