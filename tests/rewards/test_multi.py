"""Two weighted objectives, by hand-computed numbers."""

import pytest
import transitions

from rlsuite.rewards.multi import Multi

RANGE = {"lo": 10.0, "hi": 20.0}


def test_shows_its_components() -> None:
    reward = Multi(**RANGE, quality_weight=2.0, speed_weight=3.0)
    transition = transitions.scale(15.0, 0.3, previous_psnr=18.0, previous_total=0.1)
    terms = reward.terms(transition)
    assert terms["quality_change"] == pytest.approx([-0.3])
    assert terms["speed_change"] == pytest.approx([0.2])
    assert reward(transition) == pytest.approx([2 * -0.3 + 3 * 0.2])


def test_changes_add_up_to_the_final_quality_and_saving() -> None:
    """Quality begins at 1: the whole image."""
    reward = Multi(**RANGE, quality_weight=2.0, speed_weight=3.0)
    total = reward(transitions.scale(18.0, 0.1))
    total += reward(transitions.scale(14.0, 0.6, previous_psnr=18.0, previous_total=0.1, last=True))
    assert total == pytest.approx([2 * (0.4 - 1) + 3 * 0.6])
