"""Does one score predict another? Rank correlation within strata, never over pooled strata.

Two scores that differ between envs alone correlate over pooled runs although within every env they are unrelated
(Simpson's paradox). So: Spearman's rho in each stratum, combined as Fisher's z.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rlsuite.metrics.intervals import resample_counts

Stratum = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Two scores and the cluster of each run, all (n,)."""


def midranks(values: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the ranks, ties averaged, of values (n,) in resamples in which value i occurs counts[r, i] times.

    Returns:
        (reps, n), or (n,) without counts. The rank of a value that a resample lacks means nothing.
    """
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values)[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))  # of each group of ties
    weights = np.ones((1, len(ordered))) if counts is None else counts
    sizes = np.add.reduceat(weights[:, order], first, axis=1)
    ranks = np.empty(weights.shape)
    group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(ordered))))
    ranks[:, order] = (sizes.cumsum(axis=1) - (sizes - 1) / 2)[:, group]
    return ranks[0] if counts is None else ranks


def spearman(x: np.ndarray, y: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Return Spearman's rho of x and y (n,), or of each of their resamples ``counts`` (reps, n); nan for a constant."""
    weights = np.ones((1, len(x))) if counts is None else counts
    rx, ry = (midranks(np.asarray(v), weights) for v in (x, y))
    n = weights.sum(axis=1, keepdims=True)
    dx, dy = (r - (weights * r).sum(axis=1, keepdims=True) / n for r in (rx, ry))
    scale = np.sqrt((weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1))
    rho = np.where(scale > 1e-9, (weights * dx * dy).sum(axis=1) / np.where(scale > 1e-9, scale, 1), np.nan)
    return rho[0] if counts is None else rho


def stratified_spearman(
    strata: Sequence[Stratum],
    rng: np.random.Generator,
    reps: int = 2000,
    confidence: float = 0.95,
    groups: Sequence[Sequence[int]] | None = None,
) -> list[dict[str, float | None]]:
    """Combine Spearman's rho of several strata: mean of Fisher's z, weighted by n - 3.

    - ``p``: two-sided, by shuffling one score among the runs of each stratum;
    - ``low``, ``high``: percentile bootstrap that resamples whole clusters (runs that share a seed, say) of a stratum.

    Strata of fewer than 4 runs, or with a constant score, say nothing and are left out.

    Args:
        strata: what may be combined.
        rng: source of shuffles and resamples.
        reps: of each.
        confidence: coverage of the interval.
        groups: which strata to combine, by position; by default one group of all.

    Returns:
        For each group ``rho, low, high, p`` (None if no stratum is left), ``n`` runs, ``strata`` used.
    """
    usable = {i: s for i, s in enumerate(strata) if len(s[0]) > 3 and np.isfinite(spearman(s[0], s[1]))}
    # observed, shuffled and resampled correlations of each stratum, (1 + 2 reps,)
    found = {
        i: np.concatenate([[spearman(x, y)], _shuffled(x, y, reps, rng), _resampled(x, y, c, reps, rng)])
        for i, (x, y, c) in usable.items()
    }
    rows: list[dict[str, float | None]] = []
    for group in groups if groups is not None else [range(len(strata))]:
        chosen = [i for i in group if i in usable]
        if not chosen:
            rows.append({"rho": None, "low": None, "high": None, "p": None, "n": 0, "strata": 0})
            continue
        sizes = [len(usable[i][0]) for i in chosen]
        combined = _combine(np.stack([found[i] for i in chosen]), np.array(sizes, dtype=float) - 3)
        observed, shuffled, resampled = combined[0], combined[1 : 1 + reps], combined[1 + reps :]
        low, high = np.nanquantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
        hits = np.count_nonzero(np.abs(shuffled) >= abs(observed) - 1e-12)
        rows.append(
            {
                "rho": float(observed),
                "low": float(low),
                "high": float(high),
                "p": (1 + hits) / (1 + reps),
                "n": sum(sizes),
                "strata": len(chosen),
            }
        )
    return rows


def _combine(rho: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return tanh of the weighted mean of arctanh over strata: (strata, reps) -> (reps,); nan strata are left out."""
    z, known = np.arctanh(np.clip(rho, -0.999999, 0.999999)), ~np.isnan(rho)
    total = (weights[:, None] * known).sum(axis=0)
    mean = (weights[:, None] * np.where(known, z, 0)).sum(axis=0) / np.where(total > 0, total, 1)
    return np.where(total > 0, np.tanh(mean), np.nan)


def _shuffled(x: np.ndarray, y: np.ndarray, reps: int, rng: np.random.Generator) -> np.ndarray:
    rx, ry = (r - r.mean() for r in (midranks(x), midranks(y)))
    shuffles = rng.permuted(np.tile(ry, (reps, 1)), axis=1)
    return shuffles @ rx / np.sqrt((rx @ rx) * (ry @ ry))


def _resampled(
    x: np.ndarray, y: np.ndarray, clusters: np.ndarray, reps: int, rng: np.random.Generator
) -> np.ndarray:
    labels, cluster = np.unique(clusters, return_inverse=True)
    return spearman(x, y, resample_counts([len(labels)], reps, rng)[:, cluster].astype(float))
