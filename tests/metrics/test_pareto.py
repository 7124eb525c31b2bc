"""Fronts and hypervolumes by hand and by counting."""

import numpy as np
import pytest

from rlsuite.metrics import hypervolume, pareto_front


def test_front_by_hand() -> None:
    points = np.array([[1, 5], [2, 4], [2, 3], [3, 1], [3, 1], [0, 5]])
    assert pareto_front(points).tolist() == [True, True, False, True, True, False]


def test_hypervolume_by_hand() -> None:
    assert hypervolume(np.array([[2.0, 3.0]]), (0, 0)) == 6
    assert hypervolume(np.array([[1, 5], [2, 4], [3, 1], [2, 3]]), (0, 0)) == 1 * 5 + 1 * 4 + 1 * 1
    assert hypervolume(np.array([[1, 5], [-1, 9], [3, 1], [3, 1]]), (0, 0)) == 5 + 2
    assert hypervolume(np.array([[1.0, 1.0]]), (1, 0)) == 0


def test_hypervolume_by_counting() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((7, 2))
    grid = (np.stack(np.meshgrid(*[np.arange(400)] * 2), -1).reshape(-1, 2) + 0.5) / 400
    covered = (points[:, None] >= grid[None]).all(-1).any(0).mean()
    assert hypervolume(points, (0, 0)) == pytest.approx(covered, abs=0.01)
