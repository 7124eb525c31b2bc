"""The score on a logarithmic scale, by hand-computed numbers."""

import pytest
import transitions

from rlsuite.rewards.log_score import LogScore


@pytest.mark.parametrize(("gain", "paid"), [(0, 0.0), (4, 2.0), (2048, 11.0)])
def test_is_the_logarithm_of_the_points_and_0_without_a_merge(gain: int, paid: float) -> None:
    assert LogScore()(transitions.board(gain)) == [paid]


def test_weighs_the_logarithm_not_the_points() -> None:
    assert LogScore(combine_weight=0.5)(transitions.board(1024)) == [5.0]
