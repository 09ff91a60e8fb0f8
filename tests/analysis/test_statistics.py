"""The statistics against published examples, enumeration, and data whose truth is known."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from rlvf.analysis.statistics import Contrast, difference, holm, interval


def rate_of(passed, tasks):
    return np.repeat([1.0, 0.0], [passed, tasks - passed])[None]


def pair_of(both, first, second, neither):
    """Two cells, one seed each, from the counts of a paired 2 × 2 table."""
    counts = [both, first, second, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts)[None], np.repeat([1.0, 0, 1, 0], counts)[None]


# ---------------------------------------------------------------- published examples


@pytest.mark.parametrize(
    ("passed", "tasks", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_rate_of_one_seed_has_wilsons_interval(passed, tasks, low, high):
    # Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3.
    found = interval(rate_of(passed, tasks), rate=True)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Altman et al. 2000, Statistics with Confidence, page 52.
        ((14, 5, 0, 22), 0.011, 0.226),
        # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33, 2850: airway reactivity.
        ((1, 1, 7, 12), -0.507, -0.026),
    ],
)
def test_a_difference_of_one_seed_has_newcombes_interval(table, low, high):
    found = difference(*pair_of(*table)).interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_mcnemars_exact_test():
    # Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13, 91: 0.070 of 1 and 7.
    assert difference(*pair_of(1, 1, 7, 12)).p_value() == pytest.approx(0.0703125)
    # Agresti 2002, Categorical Data Analysis, table 10.1: 86 and 150 changed their mind.
    table = [[794, 86], [150, 570]]
    found = difference(*pair_of(794, 86, 150, 570)).p_value()
    assert found == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_mcnemars_test_by_enumeration():
    # 5 tasks differ, 4 of them in favour: how many of the 32 equally likely outcomes are as far.
    outcomes = list(itertools.product([1, -1], repeat=5))
    as_far = sum(abs(sum(signs)) >= 3 for signs in outcomes) / len(outcomes)
    assert difference(*pair_of(10, 4, 1, 10)).p_value() == pytest.approx(as_far)
    assert difference(*pair_of(10, 0, 0, 10)).p_value() == 1


def test_holm():
    # R's p.adjust(c(0.01, 0.04, 0.03), "holm") is 0.03 0.06 0.06.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert holm([]) == []


# ---------------------------------------------------------------- by hand


def test_the_variance_of_a_rate_over_seeds_is_that_of_their_means_where_tasks_are_alike():
    # Two seeds pass 8 and 12 of 20: no task is harder than another, so the seeds' means are all
    # that varies, 0.4 and 0.6, and the interval is Student's with one degree of freedom.
    outcomes = np.array([np.tile([1, 0, 1, 0, 0], 4), np.tile([0, 1, 0, 1, 1], 4)], dtype=float)
    found = Contrast([(1.0, outcomes)]).interval
    half_width = stats.t.ppf(0.975, 1) * 0.1
    assert found.low == pytest.approx(0.5 - half_width, rel=0.02)
    assert found.high == pytest.approx(0.5 + half_width, rel=0.02)
    assert interval(outcomes, rate=True).low > 0


def test_the_same_offset_in_every_task_and_seed_is_certain():
    outcomes = np.random.default_rng(0).random((3, 50))
    found = difference(outcomes + 1, outcomes + np.zeros((3, 50))).interval
    # The runs vary, so equal offsets are certain over tasks only.
    assert found.estimate == pytest.approx(1)
    assert found.low < 1 < found.high
    of_one_seed = difference(outcomes[:1] + 1, outcomes[:1])
    assert of_one_seed.interval.low == of_one_seed.interval.high == pytest.approx(1)


def test_a_task_without_outcome_counts_nowhere():
    first = np.array([[1.0, np.nan, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    second = np.array([[0.0, 1.0, 0.0, np.nan], [0.0, 0.0, 0.0, 1.0]])
    found = difference(first, second).interval
    assert (found.tasks, found.seeds) == (2, 2)
    assert found.estimate == 0.75  # (1 + 1/2) / 2
    nothing = interval(np.full((1, 4), np.nan), rate=True)
    assert nothing.tasks == 0
    assert math.isnan(nothing.estimate) and math.isnan(nothing.low)


def test_margins_move_the_test_with_the_interval():
    first, second = pair_of(40, 30, 10, 20)
    for pair in (difference(first, second), difference(first * 0.9, second * 0.9)):
        low, high = pair.interval.low, pair.interval.high
        assert pair.p_above(low - 0.01) < 0.05 < pair.p_above(low + 0.01)
        assert pair.p_below(high + 0.01) < 0.05 < pair.p_below(high - 0.01)


def test_equal_outcomes_give_equal_numbers():
    rng = np.random.default_rng(5)
    first, second = rng.random((2, 3, 40))
    assert difference(first, second).interval == difference(first.copy(), second.copy()).interval


# ---------------------------------------------------------------- coverage and type I error

# Binary outcomes of runs on tasks: log odds = level + seed effect + how easy the task is for all +
# how easy for this cell. Standard deviations; each cell and seed is a training run of its own.
TASKS, REPETITIONS = 100, 300
EASY, OWN = 1.5, 0.5


class World:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def cell(self, level, seeds, spread, easy, samples=1):
        """Outcomes, seeds × tasks, and the mean over all runs and tasks."""
        odds = level + spread * self.rng.standard_normal((seeds, 1))
        odds = odds + easy + OWN * self.rng.standard_normal(TASKS)
        return self.rng.binomial(samples, 1 / (1 + np.exp(-odds))) / samples

    def easy(self):
        return EASY * self.rng.standard_normal(TASKS)


def truth(level, spread):
    """The mean rate over all seeds and tasks, by Gauss and Hermite."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    width = math.sqrt(spread**2 + EASY**2 + OWN**2)
    return float(weights @ (1 / (1 + np.exp(-level - width * nodes))) / weights.sum())


def assert_nominal(hits):
    """95 % of them, within three standard errors; somewhat more is no harm, always would be."""
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / len(hits)) <= np.mean(hits) < 1


# One seed says nothing about others: its interval is about runs that are as this one is.
SEEDS = [(1, 0.0), (2, 0.3), (3, 0.0), (3, 0.3), (3, 0.6), (5, 0.3)]


@pytest.mark.parametrize(("seeds", "spread"), SEEDS)
@pytest.mark.parametrize("level", [0.0, -4.0])
def test_the_interval_of_a_rate_covers(seeds, spread, level):
    world, true = World(1), truth(level, spread)
    hits = []
    for _ in range(REPETITIONS):
        found = interval(world.cell(level, seeds, spread, world.easy()), rate=True)
        hits.append(found.low <= true <= found.high)
    assert_nominal(hits)


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.0), (3, 0.3)])
def test_the_interval_of_a_difference_covers_and_its_test_keeps_its_level(seeds, spread):
    world = World(2)
    hits, rejected = [], []
    true = truth(0.5, spread) - truth(0.0, spread / 3)
    for _ in range(REPETITIONS):
        easy = world.easy()
        better, base = world.cell(0.5, seeds, spread, easy), world.cell(0, seeds, spread / 3, easy)
        found = difference(better, base).interval
        hits.append(found.low <= true <= found.high)
        other = world.cell(0.0, seeds, spread / 3, easy)
        rejected.append(difference(other, base).p_value() < 0.05)
    assert_nominal(hits)
    assert_nominal(np.logical_not(rejected))


def test_the_bootstrap_over_tasks_covers_for_one_seed_of_several_samples():
    world, hits, rejected = World(3), [], []
    true = truth(0.5, 0) - truth(0, 0)
    for _ in range(REPETITIONS):
        easy = world.easy()
        better, base, other = (world.cell(level, 1, 0, easy, samples=8) for level in (0.5, 0, 0))
        found = difference(better, base).interval
        hits.append(found.low <= true <= found.high)
        rejected.append(difference(other, base).p_value() < 0.05)
    assert_nominal(hits)
    assert_nominal(np.logical_not(rejected))


def test_the_interval_of_an_average_over_cells_covers():
    """As in the table of effects: two rewards, averaged over four cells each."""
    world, hits = World(4), []
    true = truth(0.5, 0.3) - truth(0, 0.3)
    for _ in range(REPETITIONS // 2):
        easy = world.easy()
        terms = [
            (weight / 4, world.cell(level, 3, 0.3, easy))
            for weight, level in ((1, 0.5), (-1, 0))
            for _ in range(4)
        ]
        found = Contrast(terms).interval
        hits.append(found.low <= true <= found.high)
    assert_nominal(hits)


def test_the_interval_of_a_skewed_mean_covers():
    # Ruff findings: most completions have none, some have many.
    rng, hits = np.random.default_rng(5), []
    for _ in range(REPETITIONS):
        spread = np.exp(0.2 * rng.standard_normal((3, 1)) - 0.02)
        mean = spread * rng.gamma(0.5, 1, TASKS)
        found = interval(rng.poisson(mean).astype(float), rate=False)
        hits.append(found.low <= 0.5 <= found.high)
    assert_nominal(hits)


def test_resampling_seeds_as_well_would_not_cover():
    """Why seeds are not resampled: three of them, in the usual bootstrap of both."""
    world, true = World(6), truth(0, 0.5)
    rng, hits = np.random.default_rng(7), []
    for _ in range(200):
        outcomes = world.cell(0, 3, 0.5, world.easy())
        replicates = [
            outcomes[rng.integers(3, size=3)][:, rng.integers(TASKS, size=TASKS)].mean()
            for _ in range(200)
        ]
        low, high = np.quantile(replicates, [0.025, 0.975])
        hits.append(low <= true <= high)
    assert np.mean(hits) < 0.9
