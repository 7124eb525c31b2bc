"""Statistics against the definitions of arXiv 2108.13264, worked by hand, scipy, and bootstraps by brute force."""

import itertools

import numpy as np
import pytest
from scipy import stats

from rlsuite import metrics


def rng():
    return np.random.default_rng(0)


def test_iqm_by_hand():
    # of 8 the two lowest and two highest go: (2 + 3 + 4 + 5) / 4
    assert metrics.iqm(np.array([7, 0, 6, 1, 5, 2, 4, 3])) == 3.5
    # of 5, floor(5 / 4) = 1 goes at each end, as in scipy's trim_mean, which rliable uses
    assert metrics.iqm(np.array([100, 1, 2, 3, -50])) == 2
    assert metrics.iqm(np.array([1.0, 2, 6])) == 3


def test_iqm_equals_scipy_for_every_size():
    for n in range(1, 30):
        values = rng().normal(size=(n, 3))
        assert metrics.iqm(values, axis=0) == pytest.approx(stats.trim_mean(values, 0.25, axis=0))
        assert metrics.iqm(values) == pytest.approx(stats.trim_mean(values, 0.25, axis=None))


def test_weights_of_counts_are_the_iqm_of_the_resample():
    values = np.sort(rng().normal(size=11))
    for draw in rng().integers(11, size=(50, 11)):
        counts = np.bincount(draw, minlength=11)[None].astype(float)
        assert (metrics.trimmed_weights(counts) @ values)[0] == pytest.approx(
            stats.trim_mean(values[draw], 0.25)
        )


def test_resamples_keep_the_size_of_each_stratum():
    counts = metrics.resample_counts([3, 5], 200, rng())
    assert counts.shape == (200, 8)
    assert (counts[:, :3].sum(1) == 3).all()
    assert (counts[:, 3:].sum(1) == 5).all()
    # every value is as likely as the others
    assert counts.mean(0) == pytest.approx(np.ones(8), abs=0.25)


def test_bootstrap_of_three_values_against_all_27_resamples():
    values = np.array([0.0, 1.0, 5.0])
    every = np.array([np.mean(c) for c in itertools.product(values, repeat=3)])
    estimate, low, high = metrics.mean_intervals(values[:, None], rng(), reps=50_000)[:, 0]
    assert estimate == 2
    # the exact distribution is discrete: its quantiles are met exactly
    assert (low, high) == tuple(pytest.approx(v) for v in np.quantile(np.repeat(every, 1000), [0.025, 0.975]))


def brute_force(strata, reps, statistic):
    """The interval of the statistic of each row of what was drawn, a row a resample."""
    generator = np.random.default_rng(1)
    drawn = [s[generator.integers(len(s), size=(reps, len(s)))] for s in strata]
    return np.quantile(statistic(np.concatenate(drawn, axis=1)), [0.025, 0.975])


def test_stratified_iqm_against_a_brute_force_bootstrap():
    strata = [rng().normal(k, 1 + k, size=9 + k) for k in range(4)]
    estimate, low, high = metrics.stratified_iqm(strata, rng(), reps=20_000)
    slow = brute_force(strata, 20_000, lambda rows: stats.trim_mean(rows, 0.25, axis=1))
    assert estimate == pytest.approx(stats.trim_mean(np.concatenate(strata), 0.25))
    assert (low, high) == (pytest.approx(slow[0], abs=0.04), pytest.approx(slow[1], abs=0.04))


def test_iqm_intervals_against_a_brute_force_bootstrap():
    values = rng().normal(size=(10, 2)) * [1, 3]
    found = metrics.iqm_intervals(values, rng(), reps=20_000)
    for k in range(2):
        slow = brute_force([values[:, k]], 20_000, lambda rows: stats.trim_mean(rows, 0.25, axis=1))
        assert found[1:, k] == pytest.approx(slow, abs=0.08)


def test_probability_of_improvement_by_hand():
    # of the pairs of (1, 2) with (1, 3): a tie, less, more, less; then a task where all are better
    pairs = [(np.array([1, 2]), np.array([1, 3])), (np.array([5, 6, 7]), np.array([1.0]))]
    estimate, low, high = metrics.probability_of_improvement(pairs, rng())
    assert estimate == pytest.approx((1.5 / 4 + 1) / 2)
    assert 0.5 <= low <= estimate <= high <= 1


def test_probability_of_improvement_is_mann_whitneys_u_and_its_interval_that_of_brute_force():
    x, y = rng().normal(0.5, 1, 12), rng().normal(0, 1, 9)
    estimate, low, high = metrics.probability_of_improvement([(x, y)], rng(), reps=20_000)
    assert estimate == pytest.approx(stats.mannwhitneyu(x, y).statistic / (12 * 9))
    generator = np.random.default_rng(2)
    slow = [(generator.choice(x, 12)[:, None] > generator.choice(y, 9)).mean() for _ in range(20_000)]
    assert (low, high) == tuple(pytest.approx(v, abs=0.02) for v in np.quantile(slow, [0.025, 0.975]))


def test_sign_flip_by_hand():
    # of the 8 flips of 1, 2, 3 only the observed one and its mirror reach |6|
    assert metrics.sign_flip(np.array([[1.0], [2], [3]]), rng())[0] == 2 / 8
    # 1 + 2 - 3 = 0: every flip is at least as far from 0
    assert metrics.sign_flip(np.array([[1.0], [2], [-3]]), rng())[0] == 1
    assert metrics.sign_flip(np.zeros((4, 1)), rng())[0] == 1


def test_sign_flip_random_agrees_with_exact_enumeration():
    d = rng().normal(0.3, 1, size=(14, 1))
    sums = np.array([np.dot(s, d[:, 0]) for s in itertools.product([1, -1], repeat=14)])
    exact = (np.abs(sums) >= abs(d.sum()) - 1e-12).mean()
    assert metrics.sign_flip(d, rng(), reps=40_000)[0] == pytest.approx(exact, abs=0.01)


def test_sign_flip_is_level_under_no_effect():
    p = metrics.sign_flip(rng().normal(size=(10, 2000)), rng())
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_holm_by_hand():
    assert metrics.holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert metrics.holm(np.array([0.5, np.nan, 0.9])) == pytest.approx([1, np.nan, 1], nan_ok=True)


def test_paired_interval_by_hand():
    estimate, low, high = metrics.paired_interval(np.array([1.0, 1.0, 1.0]), rng())
    assert (estimate, low, high) == (1, 1, 1)
