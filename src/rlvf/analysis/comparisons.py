"""Computes differences between cells: each policy's gain over base, and the effects of rewards and
algorithms."""

from itertools import combinations

import numpy as np
import pandas as pd

from rlvf.analysis.labels import is_trained, reward_key, split_policy
from rlvf.analysis.statistics import Contrast, difference, holm
from rlvf.analysis.summary import Outcomes

# These measures are compared. Their differences are multiplied by these numbers, so that rates are
# in percentage points.
EFFECT_MEASURES = {"pass@1": 100, "tokens": 1, "findings": 1}


def gains(outcomes: Outcomes) -> pd.DataFrame:
    """Return pass@1 of each trained policy minus that of base with the same model and decoding, in
    percentage points.

    There is a row for each model, policy and decoding (the index), with the columns `gain_points`,
    `gain_low`, `gain_high`, `gain_p` and `gain_p_adjusted`, which is corrected by Holm's method
    over the gains of a decoding.
    """
    rows = {}
    for (model, policy, decoding), measures in outcomes.items():
        base = outcomes.get((model, "base", decoding))
        if is_trained(policy) and base is not None:
            compared = difference(measures["pass@1"], base["pass@1"])
            rows[model, policy, decoding] = [*_numbers(compared, 100), compared.p_value()]
    frame = pd.DataFrame.from_dict(
        rows, orient="index", columns=["gain_points", "gain_low", "gain_high", "gain_p"]
    )
    frame.index = pd.MultiIndex.from_tuples(rows, names=["model", "policy", "decoding"])
    frame["gain_p_adjusted"] = frame.groupby("decoding")["gain_p"].transform(holm)
    return frame


def effects(outcomes: Outcomes, decoding: str) -> pd.DataFrame:
    """Return the differences between each two rewards and each two algorithms. Cells that are
    otherwise equal (the same model, and the same algorithm or reward) are compared, and their
    differences are averaged.

    There is a row for each factor, pair and measure, with `estimate`, `low` and `high` (in
    percentage points for pass@1), `p`, `p_adjusted` (corrected by Holm's method over all pairs of a
    measure), `cells` (how many there are of each of the two), `tasks` and `seeds`.
    """
    trained = {
        (model, *split_policy(policy)): measures
        for (model, policy, of), measures in outcomes.items()
        if of == decoding and is_trained(policy)
    }
    rows = []
    for factor, place, key in (("reward", 2, reward_key), ("algorithm", 1, str)):
        levels = sorted({cell[place] for cell in trained}, key=key)
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
