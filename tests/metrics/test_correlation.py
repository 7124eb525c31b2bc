"""Rank correlation within strata against scipy, brute force, and the fallacy it is there to avoid."""

import numpy as np
import pytest
from scipy import stats

from rlsuite.metrics import midranks, resample_counts, spearman, stratified_spearman


def rng():
    return np.random.default_rng(0)


def test_spearman_by_hand_and_by_scipy():
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4
    assert midranks(np.array([1, 5, 5, 9])).tolist() == [1, 2.5, 2.5, 4]
    x, y = rng().integers(0, 6, 30), rng().integers(0, 5, 30) + rng().integers(0, 3, 30)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert np.isnan(spearman(x, np.ones(30)))


def test_weighted_ranks_are_those_of_the_resample():
    x, y = rng().integers(0, 6, 12).astype(float), rng().normal(size=12)
    counts = resample_counts([12], 40, rng())
    fast = spearman(x, y, counts)
    for row, rho in zip(counts.astype(int), fast, strict=True):
        slow = stats.spearmanr(np.repeat(x, row), np.repeat(y, row)).statistic
        assert rho == pytest.approx(slow, nan_ok=True)


def stratum(rng, n, slope, offset=0.0):
    x = rng.normal(size=n)
    return x + offset, slope * x + rng.normal(size=n) + offset, np.arange(n)


def test_combined_rho_is_the_mean_of_fishers_z():
    generator = rng()
    strata = [stratum(generator, n, 1) for n in (10, 30)]
    z = [np.arctanh(stats.spearmanr(x, y).statistic) for x, y, _ in strata]
    (found,) = stratified_spearman(strata, rng(), 500)
    assert found["rho"] == pytest.approx(np.tanh((7 * z[0] + 27 * z[1]) / 34))
    assert (found["n"], found["strata"]) == (40, 2)
    assert found["low"] < found["rho"] < found["high"]
    assert found["p"] < 0.01


def test_offsets_between_envs_are_no_relation():
    generator = rng()
    strata = [stratum(generator, 30, 0, offset=3 * k) for k in range(5)]
    pooled = spearman(*(np.concatenate([s[k] for s in strata]) for k in (0, 1)))
    (found,) = stratified_spearman(strata, rng(), 1000)
    assert pooled > 0.7
    assert abs(found["rho"]) < 0.2
    assert found["p"] > 0.05
    assert found["low"] < 0 < found["high"]


def test_permutation_p_agrees_with_scipys():
    x, y, _ = stratum(rng(), 20, 0.5)
    (found,) = stratified_spearman([(x, y, np.arange(20))], rng(), 5000)
    assert found["p"] == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.02)


def test_groups_combine_chosen_strata_only():
    generator = rng()
    strata = [stratum(generator, 20, slope) for slope in (2, -2)]
    both, up, none = stratified_spearman(strata, rng(), 300, groups=[[0, 1], [0], []])
    assert up["rho"] > 0.7 > abs(both["rho"])
    assert none["rho"] is None


def test_strata_that_say_nothing_are_left_out():
    few, flat = (np.arange(3.0), np.arange(3.0), np.arange(3)), (np.ones(9), np.arange(9.0), np.arange(9))
    (found,) = stratified_spearman([few, flat], rng(), 100)
    assert found == {"rho": None, "low": None, "high": None, "p": None, "n": 0, "strata": 0}


def test_runs_of_one_cluster_are_resampled_together():
    x, y, _ = stratum(rng(), 40, 1)
    halves = np.arange(40) // 20
    (found,) = stratified_spearman([(x, y, halves)], rng(), 500)
    # two clusters give three different resamples: one twice, each once, the other twice
    possible = [spearman(x[keep], y[keep]) for keep in (halves == 0, halves == 1)]
    assert (found["low"], found["high"]) == (pytest.approx(min(possible)), pytest.approx(max(possible)))
