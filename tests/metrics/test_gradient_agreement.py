"""Agreement of gradients by hand-computed numbers."""

import numpy as np
import pytest

from rlsuite.metrics import agreement, gradient_agreement_score


def gram(*gradients):
    rows = np.array(gradients, dtype=float)
    return rows @ rows.T


def test_agreement_by_hand():
    # (1, 0), (0, 1), (0, 2): mean (1/3, 1), of length sqrt(10)/3
    found = agreement(gram([1, 0], [0, 1], [0, 2]))
    assert found["with_mean"] == pytest.approx((1 + 3 + 3) / 3 / np.sqrt(10))
    assert found["pairwise"] == pytest.approx(1 / 3)
    # each with the mean of the others: (0, 1.5); (.5, 1); (.5, .5)
    assert found["leave_one_out"] == pytest.approx((0 + 2 / np.sqrt(5) + 1 / np.sqrt(2)) / 3)


def test_agreement_of_unrelated_and_of_fighting_gradients():
    unrelated = agreement(np.eye(3))
    assert unrelated["with_mean"] == pytest.approx(1 / np.sqrt(3))
    assert unrelated["pairwise"] == unrelated["leave_one_out"] == pytest.approx(0)
    # 120 degrees apart they cancel: the least pairwise cosine, and no mean to compare with
    angles = 2 * np.pi * np.arange(3) / 3
    fighting = agreement(gram(*np.stack([np.cos(angles), np.sin(angles)], 1)))
    assert fighting["pairwise"] == pytest.approx(-0.5)
    assert fighting["with_mean"] is None
    assert agreement(gram([0, 0], [1, 0]))["pairwise"] is None


def test_with_mean_follows_from_pairwise_for_equal_lengths():
    rows = np.random.default_rng(0).normal(size=(4, 6))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = agreement(rows @ rows.T)
    mean = np.linalg.norm(rows.mean(0))  # for unit vectors the mean cosine with the mean is the mean's length
    assert found["with_mean"] == pytest.approx(mean)
    assert mean**2 == pytest.approx((1 + 3 * found["pairwise"]) / 4)


def test_gradient_agreement_score_by_hand():
    # first halves (1, 0), (0, 1); second halves (1, 1), (0, 2): whole gradients (1, .5), (0, 1.5)
    found = gradient_agreement_score(gram([1, 0], [0, 1], [1, 1], [0, 2]))
    r = np.sqrt(0.5)
    assert found["within"] == pytest.approx((r + 1) / 2)
    assert found["across"] == pytest.approx((0 + 0 + r + r) / 4)
    assert found["ratio"] == pytest.approx(found["across"] / found["within"])
    assert found["pairwise"] == pytest.approx(0.5 / np.sqrt(1.25))


def test_variations_that_cannot_be_told_apart_have_ratio_one():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=4000)
    rows = signal + rng.normal(size=(6, 4000))  # six noisy looks at one gradient
    found = gradient_agreement_score(rows @ rows.T)
    assert found["pairwise"] < 0.75
    assert found["ratio"] == pytest.approx(1, abs=0.05)
    noise = rng.normal(size=(6, 4000))
    assert gradient_agreement_score(noise @ noise.T)["ratio"] is None
