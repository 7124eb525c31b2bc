"""The Fréchet distance against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from rlsuite.metrics import frechet_distance


def test_same_features() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + np.array([3, 0, 0, 4])) == pytest.approx(25)


def test_diagonal_covariances_by_hand() -> None:
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])  # covariance 4/3 I
    assert frechet_distance(square * [3, 1], square * [1, 2]) == pytest.approx(
        4 / 3 * ((3 - 1) ** 2 + (1 - 2) ** 2)
    )
