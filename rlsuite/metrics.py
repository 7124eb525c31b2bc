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
