"""The statistics against other implementations, enumeration, and data whose truth is known.

Numbers "of R" come from R 4.2.2 and lme4 1.1-31, by the command that stands with them.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from rlvf.analysis.statistics import Contrast, _parts, difference, holm, interval


def rate_of(passed, tasks):
    return np.repeat([1.0, 0.0], [passed, tasks - passed])[None]


def pair_of(both, first, second, neither):
    """Two cells, one seed each, from the counts of a paired 2 × 2 table."""
    counts = [both, first, second, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts)[None], np.repeat([1.0, 0, 1, 0], counts)[None]


# ---------------------------------------------------------------- other implementations


@pytest.mark.parametrize(
    ("passed", "tasks", "low", "high"),
    [
        (81, 263, 0.25528852, 0.36620958),
        (15, 148, 0.06238640, 0.16048724),
        (0, 20, 0, 0.16112516),
        (1, 29, 0.00611321, 0.17175522),
    ],
)
def test_a_rate_of_one_seed_has_wilsons_interval(passed, tasks, low, high):
    # Of R: prop.test(passed, tasks, correct = FALSE). The counts are Newcombe's examples (1998,
    # Statistics in Medicine 17, 857, table I).
    found = interval(rate_of(passed, tasks), rate=True)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-8)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # The example of Altman et al. 2000, Statistics with Confidence, page 52.
        ((14, 5, 0, 22), 0.0114832414, 0.2264926844),
        # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33, 2850: -0.507 to -0.026.
        ((1, 1, 7, 12), -0.5069202267, -0.0255591242),
        # Newcombe 1998, Statistics in Medicine 17, 2635: 0.0562 to 0.3292.
        ((20, 12, 2, 16), 0.0561564248, 0.3292069954),
        # Cells whose outcomes are correlated negatively.
        ((5, 20, 18, 5), -0.2030333403, 0.2808736749),
        ((0, 5, 3, 0), -0.3885152108, 0.7263114284),
    ],
)
def test_a_difference_of_one_seed_has_newcombes_interval(table, low, high):
    # Of R, by two functions that agree: Newcombe_square_and_add_CI_paired_2x2 of contingencytables
    # (at github.com/ocbe-uio/contingencytables, 0b16d6d) and confIntPairedProportion of biostatUZH,
    # this one with prop.test's limits, of rbind(table[1:2], table[3:4]). What was published is
    # quoted after the tests of the package ratesci.
    found = difference(*pair_of(*table)).interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-8)


def test_mcnemars_exact_test():
    # Of R: binom.test(1, 1 + 7).
    assert difference(*pair_of(1, 1, 7, 12)).p_value() == pytest.approx(0.0703125)
    # Of R: binom.test(86, 86 + 150); they changed their mind in the example of ?mcnemar.test.
    found = difference(*pair_of(794, 86, 150, 570)).p_value()
    assert found == pytest.approx(3.71593613957e-05, rel=1e-9)
    table = [[794, 86], [150, 570]]
    assert found == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_mcnemars_test_by_enumeration():
    # 5 tasks differ, 4 of them in favour: how many of the 32 equally likely outcomes are as far.
    outcomes = list(itertools.product([1, -1], repeat=5))
    as_far = sum(abs(sum(signs)) >= 3 for signs in outcomes) / len(outcomes)
    assert difference(*pair_of(10, 4, 1, 10)).p_value() == pytest.approx(as_far)
    assert difference(*pair_of(10, 0, 0, 10)).p_value() == 1


def test_holm():
    # Of R: p.adjust(c(0.01, 0.04, 0.03), "holm"); with NA in the place of NaN.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)
    assert holm([]) == []


def test_variance_over_tasks_and_over_seeds():
    first = np.array(
        [
            [1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1],
            [0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1],
            [1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1],
        ]
    )
    second = np.array(
        [
            [3, 2, 0, 1, 4, 2, 2, 5, 1, 3, 6, 2],
            [4, 2, 1, 0, 5, 2, 3, 4, 1, 2, 7, 3],
            [2, 3, 0, 1, 4, 1, 2, 6, 0, 3, 5, 2],
            [5, 2, 2, 1, 6, 3, 2, 5, 2, 4, 8, 3],
        ]
    )
    # Of R: the mean squares of summary(aov(y ~ seed + task)), and for the sum of both parts, which
    # is the variance of the mean, vcov(lmer(y ~ 1 + (1 | seed) + (1 | task))).
    for outcomes, of_seeds, of_tasks, of_error, of_mean in (
        (first, 0.361111111111, 0.353535353535, 0.179292929293, 0.014870925),
        (second, 3.1875, 13.020833333333, 0.520833333333, 0.32682293),
    ):
        parts = _parts([(1.0, outcomes)])
        assert parts.over_seeds == pytest.approx(of_seeds / outcomes.size)
        assert parts.over_tasks == pytest.approx((of_tasks - of_error) / outcomes.size)
        assert parts.over_seeds + parts.over_tasks == pytest.approx(of_mean, rel=1e-6)
        assert parts.freedom == len(outcomes) - 1
    # Of R: stderr^2 and the degrees of freedom, here in steps of 1/20, of
    # t.test(rowMeans(first), rowMeans(second)).
    both = _parts([(1.0, first), (-1.0, second)])
    assert both.over_seeds == pytest.approx(0.0764371141975)
    assert both.freedom == pytest.approx(3.84323249321, abs=1 / 40)


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
