"""The weighted sum of the original notes, by hand-computed numbers; what is wrong with it."""

import numpy as np
import pytest
import transitions
from transitions import Tenths

from rlsuite.rewards.weighted_image import WeightedImage


def test_the_sum() -> None:
    """A flat image has no sharpness and no contrast: quality 0."""
    assert WeightedImage(scorer=Tenths())(transitions.three()) == pytest.approx(
        [0.6 + 0.3 * 0.5, 0.0, 0.3 + 0.3]
    )


def test_custom_is_one_more_term() -> None:
    own = WeightedImage(scorer=Tenths(), custom=transitions.bright)
    assert own(transitions.three()) == pytest.approx(
        [0.6 + 0.3 * 0.5 + 0.2 * 0.5, 0.0, 0.3 + 0.3 + 0.2 * 0.5]
    )


def test_a_wrong_image_at_once_beats_a_right_one() -> None:
    noise = np.random.default_rng(0).random((2, 1, 8, 8)).round()
    two = transitions.images(noise, [True, True], [0, 7], [1, 8])  # wrong in one step, right in eight
    two.info["images"][1] = 0.5
    paid = WeightedImage(scorer=Tenths(), beyond_target=True)(two)
    assert paid[0] > paid[1]
