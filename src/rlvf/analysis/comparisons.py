"""Computes differences between cells: each policy's gain over base, and the effects of a study's
axes."""

from itertools import combinations

import numpy as np
import pandas as pd

from rlvf.analysis.statistics import Contrast, difference, holm
from rlvf.analysis.summary import Outcomes
from rlvf.cells import BASE, Cells

# These measures are compared. Their differences are multiplied by these numbers, so that rates are
# in percentage points.
EFFECT_MEASURES = {"pass@1": 100, "tokens": 1, "findings": 1}


def gains(outcomes: Outcomes, cells: Cells) -> pd.DataFrame:
    """Return pass@1 of each policy of the grid minus that of base with the same model and
    evaluation, in percentage points.

    There is a row for each model, policy and evaluation (the index), with the columns
    `gain_points`, `gain_low`, `gain_high`, `gain_p` and `gain_p_adjusted`, which is corrected by
    Holm's method over the gains of an evaluation.
    """
    policies = set(cells.of_kind("trained", "untrained"))
    rows = {}
    for (model, policy, evaluation), measures in outcomes.items():
        base = outcomes.get((model, BASE, evaluation))
        if policy in policies and base is not None:
            compared = difference(measures["pass@1"], base["pass@1"])
            rows[model, policy, evaluation] = [*_numbers(compared, 100), compared.p_value()]
    frame = pd.DataFrame.from_dict(
        rows, orient="index", columns=["gain_points", "gain_low", "gain_high", "gain_p"]
    )
    frame.index = pd.MultiIndex.from_tuples(rows, names=["model", "policy", "evaluation"])
    frame["gain_p_adjusted"] = frame.groupby("evaluation")["gain_p"].transform(holm)
    return frame


def effects(outcomes: Outcomes, cells: Cells, evaluation: str) -> pd.DataFrame:
    """Return the differences between each two levels of each axis. Trained cells that are otherwise
    equal (the same model, and the same levels of all other axes) are compared, and their
    differences are averaged.

    There is a row for each factor (the axis), pair and measure, with `estimate`, `low` and `high`
    (in percentage points for pass@1), `p`, `p_adjusted` (corrected by Holm's method over all pairs
    of a measure), `cells` (how many there are of each of the two), `tasks` and `seeds`. The last
    axis comes first.
    """
    policies = cells.policies
    trained = {
        (model, *policies[policy].levels.values()): measures
        for (model, policy, of), measures in outcomes.items()
        if of == evaluation and policies[policy].trained
    }
    rows = []
    for place, factor in reversed(list(enumerate(cells.axes, 1))):
        levels = [level for level in cells.axes[factor] if any(c[place] == level for c in trained)]
        for second, first in combinations(levels, 2):
            pairs = [
                (measures, trained[other])
                for cell, measures in trained.items()
                if cell[place] == first
                and (other := (*cell[:place], second, *cell[place + 1 :])) in trained
            ]
            for measure, scale in EFFECT_MEASURES.items():
                if not pairs:
                    continue
                compared = Contrast(
                    [(1 / len(pairs), one[measure]) for one, _ in pairs]
                    + [(-1 / len(pairs), other[measure]) for _, other in pairs]
                )
                numbers = [*_numbers(compared, scale), compared.p_value(), len(pairs)]
                counts = [compared.interval.tasks, compared.interval.seeds]
                rows.append([factor, first, second, measure, *numbers, *counts])
    columns = ["factor", "first", "second", "measure", "estimate", "low", "high", "p"]
    frame = pd.DataFrame(rows, columns=[*columns, "cells", "tasks", "seeds"])
    adjusted = frame.groupby("measure")["p"].transform(holm) if rows else frame["p"]
    frame.insert(len(columns), "p_adjusted", adjusted)
    return frame


def _numbers(compared: Contrast, scale: float) -> np.ndarray:
    found = compared.interval
    return scale * np.array([found.estimate, found.low, found.high])
