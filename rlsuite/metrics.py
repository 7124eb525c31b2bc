"""Scores of generalisation and of distributions: pure numpy functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def grs(levels: Sequence[float], returns: Sequence[float]) -> dict[str, float | None]:
    """Summarise a degradation curve: mean return at each variation level.

    ``retention`` is the project's original GRS, the area under the curve (trapezoids, levels normalised to [0, 1])
    divided by the return at the lowest level; ``auc`` is that area itself. Retention flatters weak policies, so it is
    never to be read without the absolute area; it is None where the first return is not positive.

    Args:
        levels: Increasing variation levels (L,).
        returns: Mean return at each (L,).
    """
    x, y = np.asarray(levels, dtype=float), np.asarray(returns, dtype=float)
    area = float(y[0]) if len(x) == 1 else float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (x[-1] - x[0]))
    return {"train": float(y[0]), "auc": area, "retention": area / float(y[0]) if y[0] > 0 else None}


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features.

    ``|mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))``: 0 for equal means and covariances.

    Args:
        x: (n, d) features.
        y: (m, d) features.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    sx, sy = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, vectors = np.linalg.eigh(sx)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # S_x S_y has the eigenvalues of the symmetric root S_y root.
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ sy @ root), 0, None)).sum()
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(sx) + np.trace(sy) - 2 * cross)


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
