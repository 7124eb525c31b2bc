"""The weighted sum of the original notes, by hand-computed numbers; its optimum is degenerate."""

import pytest
import transitions

from rlsuite.rewards.quality_speed import QualitySpeed

RANGE = {"lo": 10.0, "hi": 20.0}


@pytest.mark.parametrize(("alpha", "paid"), [(0.0, 0.4), (0.5, 0.5 * 0.5 + 0.5 * 0.4), (1.0, 0.5)])
def test_is_the_weighted_sum(alpha: float, paid: float) -> None:
    reward = QualitySpeed(**RANGE, alpha=alpha)
    assert reward(transitions.scale(15.0, 0.1, flops_scale=0.4)) == pytest.approx([paid])


def test_prefers_the_extreme() -> None:
    """A ruined image at full saving is worth no less than a perfect one at none."""
    reward = QualitySpeed(**RANGE, alpha=0.5)
    ruined = reward(transitions.scale(0.0, 1.0, flops_scale=1.0))
    assert ruined >= reward(transitions.scale(60.0, 0.0, flops_scale=0.0))


def test_speed_may_be_the_ratio() -> None:
    reward = QualitySpeed(**RANGE, alpha=0.0, speed="ratio")
    assert reward(transitions.scale(15.0, 0.1, ratio=0.7)) == pytest.approx([0.7])
