"""Scores by hand-computed numbers."""

import pytest

from rlsuite.metrics import grs


def test_grs_by_hand() -> None:
    # trapezoids over 0, .25, .5, .75, 1: (500+500)/2 + (500+347)/2 + (347+115)/2 + (115+95)/2, a quarter each
    score = grs([0, 0.25, 0.5, 0.75, 1], [500, 500, 347, 115, 95])
    assert score["auc"] == pytest.approx((500 + 423.5 + 231 + 105) / 4)
    assert score["retention"] == pytest.approx(score["auc"] / 500)


def test_grs_of_one_level_is_its_return() -> None:
    assert grs([0.5], [7.0]) == {"train": 7.0, "auc": 7.0, "retention": 1.0}


def test_retention_is_undefined_without_a_positive_start() -> None:
    assert grs([0, 1], [-1, 2])["retention"] is None
    assert grs([0, 1], [0, 2])["retention"] is None
