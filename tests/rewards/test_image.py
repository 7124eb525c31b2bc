"""What the rewards of images made scale by scale share."""

import numpy as np
import pytest
import transitions

from rlsuite.core.errors import UserError
from rlsuite.rewards.gated import Gated
from rlsuite.rewards.image import ImageReward
from rlsuite.rewards.multi import Multi
from rlsuite.rewards.prune_ratio import PruneRatio
from rlsuite.rewards.quality_speed import QualitySpeed

RANGE = {"lo": 10.0, "hi": 20.0}


def test_quality_is_a_clipped_ramp() -> None:
    quality = Gated(**RANGE).quality(np.array([5.0, 10.0, 17.5, 20.0, 60.0, np.inf]))
    assert np.allclose(quality, [0, 0, 0.75, 1, 1, 1])


@pytest.mark.parametrize("reward_class", [Gated, QualitySpeed, PruneRatio, Multi])
def test_success_and_over_pruning_are_available_to_all(reward_class: type[ImageReward]) -> None:
    plain, both = reward_class(**RANGE), reward_class(**RANGE, success_weight=0.5, over_pruning_weight=2.0)
    good = transitions.scale(12.0, 0.2, last=True, recognised=1.0)
    assert both(good) - plain(good) == pytest.approx([0.5])
    poor = transitions.scale(8.0, 0.2, last=False)
    assert both(poor) - plain(poor) == pytest.approx([-2.0 * 0.2])


def test_an_empty_quality_range_is_refused() -> None:
    with pytest.raises(UserError, match=r"reward\.lo must be below reward\.hi"):
        Gated(lo=20.0, hi=20.0)
