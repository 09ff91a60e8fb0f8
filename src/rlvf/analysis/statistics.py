"""Computes confidence intervals, paired tests and corrections for what was measured on tasks and
seeds.

The outcomes of one cell are an array seeds × tasks. Each entry is the mean of a measure over the
samples that one training run drew for one task; it is NaN if all of them were lost to
infrastructure errors. Another benchmark would have other tasks and another run other seeds, so both
are samples: a result is about *tasks like these and seeds like these*. All cells answer the same
tasks and are therefore compared task by task. Runs of different cells are assumed to be
independent; if equal seeds make them alike, the interval of a difference is too wide rather than
too narrow. With one seed nothing is known about other seeds. Intervals and tests are then about
*tasks like these and this very run*, and whatever shows them must say so (`seeds` of a result is
1).

These are the methods. Each was chosen by simulation, in which intervals of 95 % covered 93 to 99 %;
tests/analysis/test_statistics.py repeats the simulation:

| | one seed, an outcome of 0 or 1 for each task | everything else |
|---|---|---|
| a rate | Wilson | Wilson with the effective number of tasks |
| another mean | | hierarchical bootstrap |
| a difference of two cells | Newcombe's interval, McNemar's exact test | hierarchical bootstrap |
| a difference of several | hierarchical bootstrap | hierarchical bootstrap |

*The hierarchical bootstrap* (`_replicates`). A bootstrap that resamples three seeds covers far less
than 95 %: its estimate of the variance over seeds is on average 2/3 of that variance, and its
quantiles are no wider than those of the normal distribution. Therefore only tasks, of which there
are many, are resampled. The seeds' part follows Student's t, as for a mean of three values. In the
two-way random effects model

    outcome[seed, task] = mean + seed effect + task effect + error

with mean squares MS (Searle, Casella & McCulloch 1992, Variance Components, section 4.3) the mean
over S seeds and T tasks has a variance of two parts that can be estimated separately:

    over tasks  (MS_tasks - MS_error) / (S T)    with about T - 1 degrees of freedom
    over seeds   MS_seeds             / (S T)    with S - 1

The error is subtracted from the part with many degrees of freedom, so that the other part follows
an exact chi-square distribution whatever the variance over seeds is. A replicate is the sum of the
estimate, a resample of the tasks' deviations that is scaled down to the first part of the variance,
and a draw from t with the scale of the second part. This is the Behrens-Fisher distribution for the
two parts, except that the tasks' part is taken from the data instead of a normal distribution. For
a sum over cells the seeds' parts are added; their degrees of freedom are Welch's and
Satterthwaite's (Satterthwaite 1946, Biometrics Bulletin 2, 110). There are too few seeds to see
more than their variance, so a normal distribution of their effects is an assumption. Three seeds
may by chance be more alike than the error between them allows; no interval is therefore narrower
than it would be over tasks alone.

*Rates* near 0 and 1 are skewed, and an interval must neither leave [0, 1] nor vanish if nothing
failed. The interval is therefore Wilson's, with p (1 - p) / variance tasks in place of T and, with
several seeds, the quantile of the Behrens-Fisher distribution in place of the normal one (Korn &
Graubard 1998, Survey Methodology 24, 193; Franco, Little, Louis & Slud 2019, Journal of Survey
Statistics and Methodology 7, 334). For one seed and outcomes of 0 and 1 this is Wilson's own
interval (Newcombe 1998, Statistics in Medicine 17, 857, method 3).

Everything is computed from the constants of this module and the outcomes in their order, so that
the same outcomes give the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

LEVEL = 0.95
RESAMPLES = 10_000
_SEED = 20260528
# The last digits of floats differ from one processor to another. Numbers are rounded to this many
# decimals, so that ties and the files that are written do not differ.
_DECIMALS = 10


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and tasks with its 95 % interval. Values that cannot be computed are NaN.

    `tasks` is the number of tasks that were used. `seeds` is 1 if the interval is over tasks only.
    """

    estimate: float
    low: float
    high: float
    tasks: int
    seeds: int


class Contrast:
    """A weighted sum of cells' means, usually the difference of two, compared task by task.

    A task that lost all its samples in any run of any cell is left out of all cells. If a cell has
    only one seed, the variance over seeds is unknown and left out.
    """

    def __init__(self, terms: Sequence[tuple[float, np.ndarray]]) -> None:
        """Take each cell's weight and its outcomes, an array seeds × tasks. Each cell must be named
        only once. All cells must have the same tasks in the same order; their numbers of seeds may
        differ."""
        self._parts = _parts(terms)
        self._pair = _binary_pair(terms)

    @cached_property
    def interval(self) -> Interval:
        """The sum's estimate and its 95 % interval."""
        parts = self._parts
        if parts.tasks < 2:
            low = high = np.nan
        elif self._pair is not None:
            low, high = _newcombe(*self._pair, stats.norm.ppf((1 + LEVEL) / 2))
        else:
            low, high = _quantiles(self._replicates)
        return _interval(parts, low, high)

    def p_value(self) -> float:
        """Return the two-sided p-value of the null hypothesis that the sum is 0."""
        return min(self.p_above(0.0), self.p_below(0.0))

    def p_above(self, margin: float) -> float:
        """Return the p-value of the null hypothesis that the sum is at most `margin`. It is small
        if the sum is above.

        The p-value is one-sided and doubled, so that 0.05 matches the 95 % interval. For the
        difference of two cells with one seed and outcomes of 0 or 1 it is that of McNemar's exact
        test (McNemar 1947, Psychometrika 12, 153) if the margin is 0, and otherwise the level at
        which the end of Newcombe's interval is the margin. In all other cases it comes from the
        hierarchical bootstrap and is at least 2 / (RESAMPLES + 1).
        """
        return self._p_value(margin, 1)

    def p_below(self, margin: float) -> float:
        """Return the p-value, like that of `p_above`, of the null hypothesis that the sum is at
        least `margin`. It is small if the sum is below."""
        return self._p_value(margin, -1)

    def _p_value(self, margin: float, sign: int) -> float:
        if self._parts.tasks < 2:
            return np.nan
        if self._pair is None:
            beyond = np.round(sign * (self._replicates - margin), _DECIMALS) <= 0
            p = 2 * (1 + beyond.sum()) / (1 + RESAMPLES)
        else:
            first, second = self._pair if sign > 0 else self._pair[::-1]
            p = (
                _mcnemar(first, second)
                if margin == 0
                else _newcombe_p(first, second, sign * margin)
            )
        return float(f"{min(1.0, p):.10g}")

    @cached_property
    def _replicates(self) -> np.ndarray:
        return _replicates(self._parts)


def difference(first: np.ndarray, second: np.ndarray) -> Contrast:
    """Return the contrast of the first cell's mean minus the second's, from their outcomes."""
    return Contrast([(1.0, first), (-1.0, second)])


def interval(outcomes: np.ndarray, *, rate: bool) -> Interval:
    """Return the mean of one cell's outcomes with its interval. `outcomes` is an array
    seeds × tasks without negative values.

    Args:
        rate: whether the measure is a share in [0, 1], within which the interval must stay.
    """
    parts = _parts([(1.0, outcomes)])
    if parts.tasks == 0 or (parts.tasks == 1 and not rate):
        return _interval(parts, np.nan, np.nan)
    if rate:
        return _interval(parts, *_wilson(parts))
    low, high = _quantiles(_replicates(parts))
    return _interval(parts, max(low, 0.0), high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for the number of comparisons (Holm 1979, Scandinavian Journal of Statistics
    6, 65). In at most 5 % of such families any comparison of which the null hypothesis is true
    gets a value below 0.05. A p-value that is NaN does not count as a comparison."""
    adjusted = np.array(p_values, dtype=float)
    made = ~np.isnan(adjusted)
    if made.any():
        adjusted[made] = multipletests(adjusted[made], method="holm")[1]
    return adjusted.tolist()


# ---------------------------------------------------------------- their parts


class _Parts(NamedTuple):
    """What the interval of a weighted sum of means is computed from. `scores` are the sum's values
    for each task (means over seeds). `over_tasks` and `over_seeds` are the two parts of its
    variance, and `over_tasks_alone` is its variance for these very runs. `freedom` is the degrees
    of freedom over seeds."""

    scores: np.ndarray
    over_tasks_alone: float
    over_tasks: float
    over_seeds: float
    freedom: float
    seeds: int

    @property
    def tasks(self) -> int:
        return len(self.scores)


def _parts(terms: Sequence[tuple[float, np.ndarray]]) -> _Parts:
    complete = np.all([np.isfinite(outcomes).all(axis=0) for _, outcomes in terms], axis=0)
    terms = [(weight, outcomes[:, complete]) for weight, outcomes in terms]
    scores = sum(weight * outcomes.mean(axis=0) for weight, outcomes in terms)
    tasks = len(scores)
    seeds = min(len(outcomes) for _, outcomes in terms)
    if tasks < 2:
        return _Parts(scores, np.nan, np.nan, 0.0, np.inf, seeds)
    alone = scores.var(ddof=1) / tasks
    if seeds == 1:
        return _Parts(scores, alone, alone, 0.0, np.inf, seeds)
    over_tasks, over_seeds, squares = alone, 0.0, 0.0
    for weight, outcomes in terms:
        runs = len(outcomes)
        of_seeds = outcomes.mean(axis=1, keepdims=True)
        residuals = outcomes - of_seeds - outcomes.mean(axis=0) + outcomes.mean()
        ms_error = (residuals**2).sum() / ((runs - 1) * (tasks - 1))
        ms_seeds = tasks * of_seeds.var(ddof=1)
        over_tasks -= weight**2 * ms_error / (runs * tasks)
        part = weight**2 * ms_seeds / (runs * tasks)
        over_seeds += part
        squares += part**2 / (runs - 1)
    # The degrees of freedom are rounded to steps, so that few different draws are needed.
    freedom = round(20 * over_seeds**2 / squares) / 20 if squares > 0 else np.inf
    return _Parts(scores, alone, max(over_tasks, 0.0), over_seeds, freedom, seeds)


def _replicates(parts: _Parts) -> np.ndarray:
    """Return RESAMPLES values around the estimate that the weighted sum might have had."""
    estimate = parts.scores.mean()
    of_tasks = _resamples(parts.tasks) @ parts.scores - estimate
    if parts.over_seeds == 0:
        return estimate + of_tasks
    alone = parts.over_tasks_alone
    shrink = np.sqrt(parts.over_tasks / alone) if alone > 0 else 0.0
    of_both = shrink * of_tasks + np.sqrt(parts.over_seeds) * _student(parts.freedom)
    wider = max(of_tasks, of_both, key=lambda deviations: np.ptp(_quantiles(deviations)))
    return estimate + wider


@cache
def _resamples(tasks: int) -> np.ndarray:
    """Return the weight of each task in each resample, an array RESAMPLES × tasks that is the same
    for all cells."""
    drawn = np.random.default_rng([_SEED, tasks]).integers(tasks, size=(RESAMPLES, tasks))
    drawn += tasks * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=RESAMPLES * tasks)
    return counts.reshape(RESAMPLES, tasks) / tasks


@cache
def _student(freedom: float) -> np.ndarray:
    """Return the quantiles of Student's t at equally spaced probabilities, in a random order that
    is always the same."""
    probabilities = (np.arange(RESAMPLES) + 0.5) / RESAMPLES
    return stats.t.ppf(np.random.default_rng([_SEED]).permutation(probabilities), freedom)


@cache
def _normal() -> np.ndarray:
    """Return the quantiles of the standard normal distribution at equally spaced probabilities, in
    increasing order."""
    return stats.norm.ppf((np.arange(RESAMPLES) + 0.5) / RESAMPLES)


def _quantiles(replicates: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return low, high


def _wilson(parts: _Parts) -> tuple[float, float]:
    estimate, quantile = parts.scores.mean(), stats.norm.ppf((1 + LEVEL) / 2)
    # The variance is divided by n and not by n - 1, so that for outcomes of 0 and 1 the effective
    # number of tasks is the number of tasks.
    variance = parts.scores.var() / parts.tasks
    if parts.over_seeds > 0:
        both = parts.over_tasks + parts.over_seeds
        share = parts.over_seeds / both
        draws = np.sqrt(1 - share) * _normal() + np.sqrt(share) * _student(parts.freedom)
        of_both = np.quantile(np.abs(draws), LEVEL)
        if of_both**2 * both > quantile**2 * variance:
            variance, quantile = both, of_both
    effective = estimate * (1 - estimate) / variance if variance > 1e-15 else parts.tasks
    alpha = 2 * stats.norm.sf(quantile)
    return proportion_confint(estimate * effective, effective, alpha, method="wilson")


def _binary_pair(
    terms: Sequence[tuple[float, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the outcomes of two cells on the tasks that both have, or None if these are not the
    paired outcomes of 0 or 1 for which McNemar's test is made."""
    if [weight for weight, _ in terms] != [1.0, -1.0]:
        return None
    (_, first), (_, second) = terms
    if len(first) > 1 or len(second) > 1:
        return None
    both = np.isfinite(first[0]) & np.isfinite(second[0])
    first, second = first[0, both], second[0, both]
    return (first, second) if np.isin([first, second], [0.0, 1.0]).all() else None


def _mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Return twice the one-sided exact p-value of the null hypothesis that the first is 1 no more
    often than the second."""
    wins, losses = int((first > second).sum()), int((first < second).sum())
    if wins + losses == 0:
        return 1.0
    return 2 * stats.binomtest(wins, wins + losses, alternative="greater").pvalue


def _newcombe_p(first: np.ndarray, second: np.ndarray, margin: float) -> float:
    """Return the level at which the lower end of Newcombe's interval is `margin`."""
    if first.mean() - second.mean() <= margin:
        return 1.0
    widest = 8.0
    if _newcombe(first, second, widest)[0] > margin:
        return 2 * stats.norm.sf(widest)
    quantile = brentq(lambda z: _newcombe(first, second, z)[0] - margin, 0.0, widest)
    return 2 * stats.norm.sf(quantile)


def _newcombe(first: np.ndarray, second: np.ndarray, quantile: float) -> tuple[float, float]:
    """Return the interval of the difference of two paired rates (Newcombe 1998, Statistics in
    Medicine 17, 2635, method 10). It adds the squares of the distances to the ends of both rates'
    Wilson intervals, with a correction for their correlation."""
    n = len(first)
    wins, losses = (first > second).sum(), (first < second).sum()
    both = (first * second).sum()
    neither = n - wins - losses - both
    scale = (both + wins) * (losses + neither) * (both + losses) * (wins + neither)
    excess = both * neither - wins * losses
    correlation = 0.0
    if scale > 0:
        excess = max(excess - n / 2, 0) if excess > 0 else excess
        correlation = excess / np.sqrt(scale)
    rates = np.array([first.mean(), second.mean()])
    alpha = 2 * stats.norm.sf(quantile)
    lows, highs = proportion_confint(n * rates, n, alpha, method="wilson")
    under, over = rates - lows, highs - rates

    def reach(one: float, other: float) -> float:
        return np.sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0))

    estimate = rates[0] - rates[1]
    return estimate - reach(under[0], over[1]), estimate + reach(over[0], under[1])


def _interval(parts: _Parts, low: float, high: float) -> Interval:
    estimate = parts.scores.mean() if parts.tasks else np.nan
    # Adding 0 leaves no negative zero.
    numbers = [round(float(number), _DECIMALS) + 0.0 for number in (estimate, low, high)]
    return Interval(*numbers, parts.tasks, parts.seeds)
