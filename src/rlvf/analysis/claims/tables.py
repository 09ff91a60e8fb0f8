"""Makes tables of what the results say of claims."""

import math
from collections.abc import Iterator

import pandas as pd

from rlvf.analysis.claims.evaluation import Evidence, Finding, Verdict, conjunction
from rlvf.analysis.claims.vocabulary import Claim, Claims
from rlvf.analysis.labels import words
from rlvf.analysis.summary import is_rate
from rlvf.analysis.table import Table, show_signed


def _rows(
    claims: Claims, found: list[list[Finding]]
) -> Iterator[tuple[Claim, Verdict, int, Finding]]:
    """Yield each predicate's claim, the claim's verdict, the predicate's number (from 1) and its
    finding."""
    for claim, findings in zip(claims.claims, found, strict=True):
        verdict = conjunction([finding.verdict for finding in findings])
        for number, finding in enumerate(findings, 1):
            yield claim, verdict, number, finding


def verdicts(claims: Claims, found: list[list[Finding]], start: dict, note: str) -> Table:
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
    decisive = finding.comparisons[place]
    refuted = finding.verdict == "not supported"
    p = (finding.p_contrary_adjusted if refuted else finding.p_adjusted)[place]
    first = decisive[0]
    parts = ", ".join(f"{one.measure} {_difference_text(one)}" for one in decisive)
    which = (
        "mean of" if finding.predicate.quantifier == "mean" else f"{finding.predicate.quantifier}:"
    )
    return (
        f"{which} {first.policy} − {first.other}, {first.model}: {parts}; adjusted p {_p_text(p)}"
    )


def evidence(claims: Claims, found: list[list[Finding]], start: dict, note: str) -> Table:
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


def finding_numbers(finding: Finding) -> dict:
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
