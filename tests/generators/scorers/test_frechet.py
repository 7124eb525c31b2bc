"""Scores of sets of images against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from rlsuite.metrics import frechet_distance, inception_score


def test_same_features() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + np.array([3, 0, 0, 4])) == pytest.approx(25)


def test_diagonal_covariances_by_hand() -> None:
    square = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])  # covariance 4/3 I
    assert frechet_distance(square * [3, 1], square * [1, 2]) == pytest.approx(
        4 / 3 * ((3 - 1) ** 2 + (1 - 2) ** 2)
    )


def test_inception_score_by_hand() -> None:
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.eye(4)) == pytest.approx(4)
    assert inception_score(np.eye(4)[[0, 0, 0]]) == pytest.approx(1)
    # mean (1/2, 1/2); KL of (3/4, 1/4) from it = ln 2 - H
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert inception_score(np.array([[0.75, 0.25], [0.25, 0.75]])) == pytest.approx(
        np.exp(np.log(2) - entropy)
    )
