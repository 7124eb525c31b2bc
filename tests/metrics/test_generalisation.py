"""GRS by hand-computed numbers."""

import numpy as np
import pytest

from rlsuite.metrics import curve_scores, grs, remarks

LEVELS = [0, 0.25, 0.5, 0.75, 1]


def test_grs_by_hand():
    # trapezoids over 0, .25, .5, .75, 1: (500+500)/2 + (500+347)/2 + (347+115)/2 + (115+95)/2, a quarter each
    score = grs(LEVELS, [500, 500, 347, 115, 95])
    assert score["auc"] == pytest.approx((500 + 423.5 + 231 + 105) / 4)
    assert score["retention"] == pytest.approx(score["auc"] / 500)
    assert score["train"] == 500
    assert score["ood"] == (115 + 95) / 2
    assert score["score_auc"] is None, "without a range there is no score"


def test_original_grs_prefers_the_weak_policy_and_the_normalised_area_does_not():
    # measured curves of a DQN and of a weak DQN with GAR
    strong, weak = (
        grs(LEVELS, r, [20] * 5, [500] * 5) for r in ([500, 500, 347, 115, 95], [145, 142, 136, 117, 105])
    )
    assert weak["retention"] > 0.89 > strong["retention"]
    assert strong["score_auc"] > 2 * weak["score_auc"]


def test_scores_by_hand():
    # floors 10, references 110: s = .9, .5, 1 (clipped), .1, 0 (clipped)
    found = grs(LEVELS, [100, 60, 130, 20, 0], [10] * 5, [110] * 5)
    assert found["score"] == pytest.approx(0.9)
    assert found["score_auc"] == pytest.approx((0.7 + 0.75 + 0.55 + 0.05) / 4)
    assert found["score_ood"] == pytest.approx(0.05)
    # s / .9 clipped: 1, 5/9, 1, 1/9, 0
    assert found["score_retention"] == pytest.approx((7 / 9 + 7 / 9 + 5 / 9 + 1 / 18) / 4)
    assert found["score_gap"] == pytest.approx(0.9)


def test_floors_differ_by_level():
    # random play on CartPole survives longer the longer the pole: exactly the floor everywhere is a score of 0
    floors = [22, 27, 32, 36, 40]
    found = grs(LEVELS, floors, floors, [500] * 5)
    assert found["score_auc"] == 0
    assert found["score_retention"] is None
    assert found["retention"] > 1, "the original GRS calls random play perfect"


def test_total_collapse_keeps_an_eighth_of_the_original_grs():
    assert grs(LEVELS, [100, 0, 0, 0, 0])["retention"] == pytest.approx(0.125)


def test_one_level_is_its_return():
    found = grs([0.5], [7.0])
    assert (found["train"], found["auc"], found["retention"], found["ood"]) == (7.0, 7.0, 1.0, None)


def test_levels_need_not_be_evenly_spaced():
    assert grs([0, 0.1, 1], [1, 1, 0])["auc"] == pytest.approx(0.1 + 0.45)


@pytest.mark.parametrize(("train", "word"), [(-1, "negative"), (0, "zero")])
def test_returns_that_are_not_positive_are_handled_and_said(train, word):
    found = grs([0, 1], [train, 2])
    assert found["retention"] is None
    assert word in remarks(found)[0]


def test_what_was_not_learnt_is_said():
    assert "nothing was learnt" in remarks(grs([0, 1], [19, 5], [0, 0], [100, 100]))[0]
    assert remarks(grs([0, 1], [50, 5], [0, 0], [100, 100])) == []
    assert "no floor" in remarks(grs([0, 1], [50, 5]))[0]


def test_many_curves_at_once_equal_one_by_one():
    rng = np.random.default_rng(0)
    curves, floors, references = rng.normal(50, 40, (30, 5)), rng.uniform(0, 5, 5), rng.uniform(90, 110, 5)
    together = curve_scores(LEVELS, curves, floors, references)
    for i, curve in enumerate(curves):
        for name, value in grs(LEVELS, curve, floors, references).items():
            assert np.isnan(together[name][i]) if value is None else together[name][i] == pytest.approx(value)


def test_a_reference_below_its_floor_gives_no_score():
    assert grs([0, 1], [1, 1], [5, 5], [5, 4])["score_auc"] is None
