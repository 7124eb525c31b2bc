"""CLIP score times efficiency, of finished images alone, by hand-computed numbers."""

import numpy as np
import pytest
import transitions
from transitions import Tenths

from rlsuite.core.errors import UserError
from rlsuite.rewards.gated_image import GatedImage


def test_only_finished_images_are_paid_for() -> None:
    reward = GatedImage(scorer=Tenths(), lo=0.2, hi=0.6)
    three = transitions.three()
    assert reward(three) == pytest.approx([1.0 * 0.5, 0.0, 0.25 * 1.0])
    terms = reward.terms(three)
    assert np.isnan(terms["clip_score"][1]) and terms["clip_score"][0] == pytest.approx(0.6)
    nobody = transitions.images(transitions.FLAT, [False] * 3, [1, 1, 1], [1, 1, 1])
    assert not reward(nobody).any() and not reward.terms(nobody)


def test_custom_is_a_factor() -> None:
    plain, own = GatedImage(scorer=Tenths()), GatedImage(scorer=Tenths(), custom=transitions.bright)
    assert own(transitions.three()) == pytest.approx(plain(transitions.three()) * 0.5)


def test_a_wrong_image_earns_nothing_however_fast() -> None:
    noise = np.random.default_rng(0).random((2, 1, 8, 8)).round()
    two = transitions.images(noise, [True, True], [0, 7], [1, 8])  # wrong in one step, right in eight
    paid = GatedImage(scorer=Tenths(), beyond_target=True)(two)
    assert paid[0] == 0 < paid[1]


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(UserError, match=r"reward\.lo must be below reward\.hi"):
        GatedImage(scorer=Tenths(), lo=0.5, hi=0.5)
