"""Reads the results of the replication of Skopin & Kotelnikov 2026 (arXiv 2605.30478)."""

from typing import TYPE_CHECKING, Any

from rlvf.settings import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rlvf.analysis.results import Results
    from rlvf.analysis.table import Table


class Settings(Section):
    """There is nothing to set."""


def tables(results: "Results") -> "list[Table]":
    from rlvf.analysis import tables

    chosen = (
        *(tables.pass_at_1, tables.pass_at_k, tables.effects, tables.length),
        *(tables.ruff, tables.ruff_rules, tables.errors, tables.error_types, tables.hacking),
    )
    return [table(results) for table in chosen]


def figures(results: "Results") -> "dict[str, Figure]":
    from rlvf.analysis.figures import evaluation, training
    from rlvf.analysis.figures.style import Look
    from rlvf.analysis.summary import main_cells

    cells, study = main_cells(results.summary), results.cells
    log = training.per_generation(results.steps)
    look = Look(study, colour="reward", line="algorithm")
    return {
        "learning_curves": training.learning_curves(log, look),
        "length": training.length(log, look),
        "entropy": training.entropy(log, look),
        "pass_at_1": evaluation.pass_at_1(cells, look),
        "tradeoff": evaluation.tradeoff(cells, look),
        "errors": evaluation.errors(cells, study),
        "severity": evaluation.severity(cells, study),
        "rules": evaluation.rules(cells, study),
    }


def numbers(results: "Results") -> dict[str, Any]:
    return {}
