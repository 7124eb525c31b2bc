"""What can be said from a few seeds: interquartile means, bootstrap intervals, paired tests.

The statistics of Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (arXiv
2108.13264), in a form made for many small samples at once. A bootstrap resample of n values is a vector of counts that
sum to n; since all values are equally likely, it may as well be drawn for the *sorted* sample. The middle half of a
resample is then a row of weights, and all replicates of all samples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MeanInterval = tuple[float, float, float]
"""Estimate, low, high."""


def iqm(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the interquartile mean: what is left after floor(n/4) values at each end are cut off."""
    ordered = np.sort(np.asarray(values, dtype=float), axis=axis)
    n = ordered.shape[axis or 0]
    return np.take(ordered, range(n // 4, n - n // 4), axis=axis or 0).mean(axis=axis)


def resample_counts(sizes: Sequence[int], reps: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each value occurs in ``reps`` resamples, each stratum resampled to its own size.

    Returns:
        (reps, sum(sizes)) counts; those of a stratum sum to its size in every row.
    """
    return np.concatenate([_counts(n, reps, rng) for n in sizes], axis=1)


def _counts(n: int, reps: int, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.integers(n, size=(reps, n)) + n * np.arange(reps)[:, None]
    return np.bincount(drawn.ravel(), minlength=reps * n).reshape(reps, n).astype(float)


def trimmed_weights(counts: np.ndarray) -> np.ndarray:
    """Return the weights (reps, n) by which sorted values give the interquartile mean of resamples ``counts``."""
    n = round(counts[0].sum())
    kept = np.clip(counts.cumsum(axis=1), n // 4, n - n // 4)
    return np.diff(kept, axis=1, prepend=n // 4) / (n - 2 * (n // 4))


def iqm_intervals(
    values: np.ndarray, rng: np.random.Generator, reps: int = 2000, confidence: float = 0.95
) -> np.ndarray:
    """Interquartile means with percentile-bootstrap intervals of m samples of n values each.

    Args:
        values: (n, m), a sample a column. The columns share their resamples: right for each, not for differences.
        rng: source of the resamples.
        reps: how many.
        confidence: coverage of the interval.

    Returns:
        (3, m): estimates, low, high.
    """
    ordered = np.sort(np.asarray(values, dtype=float), axis=0)
    n = len(ordered)
    replicates = trimmed_weights(resample_counts([n], reps, rng)) @ ordered
    return _summary(ordered[n // 4 : n - n // 4].mean(axis=0), replicates, confidence)


def mean_intervals(
    values: np.ndarray, rng: np.random.Generator, reps: int = 2000, confidence: float = 0.95
) -> np.ndarray:
    """Return ``iqm_intervals``, (3, m) of (n, m), for plain means."""
    values = np.asarray(values, dtype=float)
    replicates = resample_counts([len(values)], reps, rng) @ values / len(values)
    return _summary(values.mean(axis=0), replicates, confidence)


def stratified_iqm(
    strata: Sequence[np.ndarray], rng: np.random.Generator, reps: int = 2000, confidence: float = 0.95
) -> MeanInterval:
    """Interquartile mean over all values of all strata (tasks), each resampled on its own, as rliable does.

    Args:
        strata: normalised scores, one array (n_i,) of runs a task.
        rng: source of the resamples.
        reps: how many.
        confidence: coverage of the interval.
    """
    pooled = np.concatenate([np.asarray(s, dtype=float) for s in strata])
    order = np.argsort(pooled, kind="stable")
    counts = resample_counts([len(s) for s in strata], reps, rng)[:, order]
    estimate, low, high = _summary(iqm(pooled), trimmed_weights(counts) @ pooled[order], confidence)
    return float(estimate), float(low), float(high)


def probability_of_improvement(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
    reps: int = 2000,
    confidence: float = 0.95,
) -> MeanInterval:
    """Probability that a run of X beats a run of Y, averaged over tasks: Mann-Whitney's U / (n m), ties half.

    Args:
        pairs: for each task the scores of X (n,) and of Y (m,); the interval resamples each of them on its own.
        rng: source of the resamples.
        reps: how many.
        confidence: coverage of the interval.
    """
    estimate, replicates = 0.0, np.zeros(reps)
    for x, y in pairs:
        x, y = np.asarray(x, dtype=float)[:, None], np.asarray(y, dtype=float)[None]
        wins = (x > y) + 0.5 * (x == y)
        cx, cy = resample_counts([wins.shape[0]], reps, rng), resample_counts([wins.shape[1]], reps, rng)
        replicates += (cx @ wins * cy).sum(axis=1) / wins.size / len(pairs)
        estimate += wins.mean() / len(pairs)
    _, low, high = _summary(np.array(estimate), replicates, confidence)
    return float(estimate), float(low), float(high)


def sign_flip(differences: np.ndarray, rng: np.random.Generator, reps: int = 10_000) -> np.ndarray:
    """Two-sided permutation p of paired differences: under no effect each sign is a fair coin.

    Exact for n <= 12 (all 2^n flips), else ``reps`` random flips, the observed one among them.

    Args:
        differences: (n, m), m samples of n pairs; to average over strata of unequal size, weigh the rows beforehand.
        rng: source of the flips.
        reps: how many, where not all are tried.

    Returns:
        p values (m,). With n pairs none can be below 2 / 2^n.
    """
    d = np.asarray(differences, dtype=float)
    n = len(d)
    if n <= 12:
        flipped = np.arange(2**n)[:, None] >> np.arange(n) & 1  # row 0 flips nothing: the observed one
    else:
        random = np.frombuffer(rng.bytes(reps * -(-n // 8)), np.uint8).reshape(reps, -1)
        flipped = np.unpackbits(random, axis=1, count=n)
        flipped[0] = 0
    sums, observed = np.abs(d.sum(axis=0) - 2.0 * (flipped @ d)), np.abs(d.sum(axis=0))
    # rounding must not make a flip that changes nothing look smaller than what was observed
    return (sums >= observed - 1e-9 * np.abs(d).sum(axis=0)).mean(axis=0)


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p values (m,) for being m looks at the data (Holm 1979); nan stays nan and counts as no look."""
    p = np.asarray(p, dtype=float)
    adjusted, known = np.full(p.shape, np.nan), np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


def _summary(estimate: np.ndarray, replicates: np.ndarray, confidence: float) -> np.ndarray:
    low, high = np.quantile(replicates, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.stack([estimate, low, high])


def paired_interval(
    differences: np.ndarray,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Mean of paired differences with a percentile-bootstrap interval.

    With ``groups`` (say, training seeds) both levels are resampled: groups first, then differences within each, so that
    the interval covers the variation between runs and not only between episodes (Davison and Hinkley 1997, section 3.8).

    Args:
        differences: (n,) paired differences.
        rng: source of the 2,000 resamples.
        groups: (n,) the group of each difference; None: one group.
        confidence: coverage of the interval.

    Returns:
        mean, low, high.
    """
    differences = np.asarray(differences, dtype=float)
    labels = np.zeros(len(differences)) if groups is None else np.asarray(groups)
    parts = [differences[labels == g] for g in np.unique(labels)]
    means = np.empty((2000, len(parts)))
    for k, part in enumerate(parts):
        means[:, k] = part[rng.integers(len(part), size=(2000, len(part)))].mean(axis=1)
    chosen = rng.integers(len(parts), size=(2000, len(parts)))
    resampled = np.take_along_axis(means, chosen, axis=1).mean(axis=1) if len(parts) > 1 else means[:, 0]
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(np.mean([part.mean() for part in parts])), float(low), float(high)
