"""Collects every number of a paper's text."""

from typing import Any

import pandas as pd

from rlvf.analysis.labels import SCALE_NOTES
from rlvf.analysis.results import Results
from rlvf.analysis.summary import main_cells, main_evaluation
from rlvf.analysis.table import Table, samples_per_task
from rlvf.cells import NO_MODEL

# The file in the folder of the tables.
NUMBERS = "numbers.json"


def numbers(results: Results, tables: list[Table]) -> dict[str, Any]:
    """Return the numbers of the text that every study has. Shares are in [0, 1], gains in
    percentage points."""
    summary = results.summary
    cells = main_cells(summary)
    trained = cells[cells["policy"].isin(set(results.cells.of_kind("trained")))]
    families = tuple(f"{f}." for f in ("rule", "verdict", "error_type", "outcome"))
    shown = summary[[name for name in summary if not name.startswith(families)]]
    per_task = samples_per_task(summary)
    return {
        "scale": results.scale,
        "scale_note": SCALE_NOTES[results.scale],
        "study": results.cells.study,
        "models": [name for name in summary["model"].unique() if name != NO_MODEL],
        "policies": list(dict.fromkeys(trained["policy"])),
        "tasks": int(summary["tasks"].max()),
        "seeds": int(summary["seeds"].max()),
        "completions": int(summary["samples"].sum()),
        "infrastructure_errors": int(summary["infrastructure_errors"].sum()),
        "main_evaluation": main_evaluation(summary),
        "most_samples_evaluation": max(per_task, key=lambda name: per_task[name]),
        "samples_per_task": per_task,
        "controls": cells[cells["model"] == NO_MODEL].set_index("policy")[["pass@1", "findings"]],
        "cells": main_cells(shown),
        "extremes": {
            model: {
                "highest": _at(group, group["pass@1"].idxmax()),
                "lowest": _at(group, group["pass@1"].idxmin()),
            }
            for model, group in trained[trained["pass@1"].notna()].groupby("model", sort=False)
        },
        "mean_by": {axis: _mean_by(trained, results, axis) for axis in results.cells.axes},
        "effects": results.effects,
        "tables": {table.name: table.for_paper() for table in tables},
    }


def _at(group: pd.DataFrame, index: int) -> pd.Series:
    return group.loc[index, ["policy", "pass@1", "gain_points"]]


def _mean_by(trained: pd.DataFrame, results: Results, axis: str) -> pd.DataFrame:
    """Return means over the trained cells that share a level of an axis."""
    policies = results.cells.policies
    levels = trained["policy"].map(lambda policy: policies[policy].levels[axis])
    means = trained.groupby(levels)[["pass@1", "gain_points", "tokens", "findings"]].mean()
    return means.loc[[level for level in results.cells.axes[axis] if level in means.index]]
