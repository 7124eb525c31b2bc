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


def agreement(gram: np.ndarray) -> dict[str, float | None]:
    """Summarise how far k gradients g_1..g_k agree, from their inner products.

    - ``with_mean``: mean over i of cos(g_i, m), m the mean of all. Each is a part of its own reference, so k unrelated
      gradients of one length score 1/sqrt(k) (.577 for three), not 0.
    - ``pairwise``: mean over i < j of cos(g_i, g_j); unrelated gradients score 0, and -1/(k-1) is the least possible.
      For equal lengths, with_mean**2 = (1 + (k-1) pairwise) / k.
    - ``leave_one_out``: mean over i of cos(g_i, mean of the others); unrelated gradients score 0.

    All three sink with the noise of small batches, see ``gradient_agreement_score``.

    Args:
        gram: (k, k) inner products, k > 1.

    Returns:
        The three means; None where a gradient or a reference is zero.
    """
    gram = np.asarray(gram, dtype=float)
    k = len(gram)
    everything, others = np.ones((k, k)) / k, (1 - np.eye(k)) / max(k - 1, 1)
    upper = np.triu_indices(k, 1)
    return {
        "with_mean": _mean_or_none(_cosines(gram, everything).diagonal()),
        "pairwise": _mean_or_none(_cosines(gram, np.eye(k))[upper]),
        "leave_one_out": _mean_or_none(_cosines(gram, others).diagonal()),
    }


def gradient_agreement_score(gram: np.ndarray) -> dict[str, float | None]:
    """Summarise agreement across variations beside agreement within one: k variations, two independent halves each.

    With h_ia the gradient of half a of variation i, and all halves of equal size:

    - ``across``: mean over i != j and halves a, b of cos(h_ia, h_jb);
    - ``within``: mean over i of cos(h_i1, h_i2), what batches of this size agree by at most (the noise ceiling);
    - ``ratio``: across / within, a correlation corrected for attenuation (Spearman 1904): 1 where the variations cannot
      be told apart, about 0 where they share nothing. None where within is not above .05: then all is noise.

    and ``agreement`` of the variations' whole gradients g_i = (h_i1 + h_i2) / 2.

    Args:
        gram: (2k, 2k) inner products; rows 0..k-1 are the first halves of variations 0..k-1, the others the second.
    """
    gram = np.asarray(gram, dtype=float)
    k = len(gram) // 2
    cosines = _cosines(gram, np.eye(2 * k))
    same = np.eye(k, dtype=bool)
    blocks = cosines.reshape(2, k, 2, k).transpose(0, 2, 1, 3)  # (half, half, variation, variation)
    across, within = _mean_or_none(blocks[:, :, ~same]), _mean_or_none(blocks[0, 1][same])
    whole = gram.reshape(2, k, 2, k).mean(axis=(0, 2))
    return {**agreement(whole), "across": across, "within": within, "ratio": disattenuated(across, within)}


def disattenuated(across: float | None, within: float | None) -> float | None:
    """Return across / within; None where either is missing or within is lost in noise (not above .05)."""
    return across / within if across is not None and within is not None and within > 0.05 else None


def _cosines(gram: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the cosines (k, r) of k vectors with r sums of them, ``weights`` (k, r); nan with a zero vector."""
    lengths = np.sqrt(np.clip(gram.diagonal(), 0, None))
    sums = np.sqrt(np.clip(np.einsum("ir,ij,jr->r", weights, gram, weights), 0, None))
    scale = np.outer(lengths, sums)
    # rounding leaves about 1e-8 of a length where vectors cancel
    tiny = 1e-6 * lengths.max(initial=0.0) ** 2
    return np.where(scale > tiny, gram @ weights / np.where(scale > tiny, scale, 1), np.nan)


def _mean_or_none(values: np.ndarray) -> float | None:
    return None if values.size == 0 or np.isnan(values).any() else float(values.mean())


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
