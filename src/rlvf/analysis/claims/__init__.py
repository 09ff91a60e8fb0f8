"""Tests the claims of a publication, written as statements about measures, on the results.

A claims file (paper/STUDY/claims.yaml) lists claims, each with the source's wording and with
predicates that must all hold. A predicate compares cells of the same model, in the main
evaluation, task by task:

    says: Rewarding Ruff alone shortens completions.
    cells: {reward: ruff}          # levels of axes, or a model; what is left out is free
    against: {policy: base}        # or {policy: other}: all pairs of the cells; or {reward: tests},
                                   # a level of another axis: the cell that differs in that alone
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

from collections.abc import Iterable
from pathlib import Path

from rlvf.analysis.claims.evaluation import Measured, conjunction, evaluate
from rlvf.analysis.claims.tables import evidence, finding_numbers, verdicts
from rlvf.analysis.claims.vocabulary import Claims
from rlvf.analysis.labels import SCALE_NOTES
from rlvf.analysis.results import Results
from rlvf.analysis.summary import counts, main_evaluation
from rlvf.analysis.table import basis, write_numbers, write_table
from rlvf.cells import MODEL, POLICY, Cells
from rlvf.errors import RlvfError

NUMBERS = "claims.json"

_READING = (
    "Differences are paired over tasks. Supported: the interval excludes the contrary; not "
    "supported: it lies within the contrary; undecided: neither. p is of the contrary of what is "
    "said (where that is not supported: of what is said), by Holm's correction for the comparisons "
    "of a statement; it decides where one comparison is enough. claims.json has the command that "
    "recomputes this."
)


def write_claims(
    claims: Claims, origin: str, results: Results, command: str, out_dir: Path
) -> None:
    """Write claims and evidence as CSV, Markdown, HTML and LaTeX, and claims.json.

    Args:
        origin: where the claims come from, for error messages.
        command: the command that recomputes this, which claims.json quotes.

    Raises:
        RlvfError: a claim names a measure or an axis that does not exist.
    """
    samples, scale, study = results.samples, results.scale, results.cells.study
    evaluation = main_evaluation(samples)
    measured = {
        (model, policy): measures
        for (model, policy, of), measures in results.outcomes.items()
        if of == evaluation
    }
    _check_names(claims, origin, results.cells, measured)
    found = [
        [evaluate(one, results.cells, measured) for one in claim.predicates]
        for claim in claims.claims
    ]
    start = {"study": study, "evaluation": evaluation}
    note = f"{basis(counts(samples).reset_index())} Evaluation {evaluation}. {_READING}"
    tables = [verdicts(claims, found, start, note), evidence(claims, found, start, note)]
    for table in tables:
        write_table(table, out_dir, scale)
    numbers = {
        "scale": scale,
        "scale_note": SCALE_NOTES[scale],
        "study": study,
        "source": claims.source,
        "evaluation": evaluation,
        "command": command,
        "claims": [
            {
                "id": claim.id,
                "title": claim.title,
                "quote": claim.quote,
                "verdict": conjunction([finding.verdict for finding in findings]),
                "predicates": [finding_numbers(finding) for finding in findings],
            }
            for claim, findings in zip(claims.claims, found, strict=True)
        ],
        "tables": {table.name: table.for_paper() for table in tables},
    }
    write_numbers(numbers, Path(out_dir) / NUMBERS)


def _check_names(claims: Claims, origin: str, cells: Cells, measured: Measured) -> None:
    measures = set().union(*measured.values())
    for i, claim in enumerate(claims.claims):
        for j, predicate in enumerate(claim.predicates):
            where = f"{origin}: claims.{i}.predicates.{j}"
            _known(f"{where}.expect", "measure", predicate.expect, measures)
            _known(f"{where}.cells", "axis", predicate.cells, {MODEL, *cells.axes})
            _known(f"{where}.against", "axis", predicate.against, {POLICY, *cells.axes})


def _known(where: str, what: str, given: Iterable[str], allowed: set[str]) -> None:
    for name in given:
        if name not in allowed:
            names = ", ".join(sorted(allowed))
            raise RlvfError(f"{where}: there is no {what} {name!r} (allowed: {names})")
