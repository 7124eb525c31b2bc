"""Trade-offs of two things of which more is better."""

from __future__ import annotations

import numpy as np


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Return which of the points (n, 2) no other one dominates: bool (n,). More is better; equal points stay together.

    A point dominates another if it is at least as good in both and better in one.
    """
    x = np.asarray(points, dtype=float)
    least = (x[:, None] >= x[None]).all(-1)  # [i, j]: i is at least as good as j
    better = (x[:, None] > x[None]).any(-1)
    return ~(least & better).any(axis=0)


def hypervolume(points: np.ndarray, reference: tuple[float, float]) -> float:
    """Return the area that the points (n, 2) dominate above ``reference``, the worst value of both.

    Zitzler and Thiele (1999). Points that are not better than the reference in both add nothing.
    """
    x = np.asarray(points, dtype=float).reshape(-1, 2)
    x = x[(x > reference).all(axis=1)]
    if not len(x):
        return 0.0
    x = x[pareto_front(x)]
    x = x[np.argsort(-x[:, 0])]
    floors = np.concatenate([[reference[1]], x[:-1, 1]])
    return float(((x[:, 0] - reference[0]) * np.maximum(x[:, 1] - floors, 0)).sum())
