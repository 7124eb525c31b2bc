"""The image rewards by hand-computed numbers."""

import numpy as np
import pytest

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Transition
from rlsuite.rewards.gated import Gated
from rlsuite.rewards.image import ImageReward
from rlsuite.rewards.multi import Multi
from rlsuite.rewards.prune_ratio import PruneRatio
from rlsuite.rewards.quality_speed import QualitySpeed

RANGE = {"lo": 10.0, "hi": 20.0}


def step(
    psnr,
    total,
    ratio=0.5,
    flops_scale=0.4,
    previous_psnr=np.inf,
    previous_total=0.0,
    last=False,
    recognised=np.nan,
):
    values = {
        "psnr": psnr,
        "previous_psnr": previous_psnr,
        "ratio": ratio,
        "flops_scale": flops_scale,
        "flops_total": total,
        "previous_flops_total": previous_total,
        "ratio_total": ratio / 2,
        "previous_ratio_total": 0.0,
        "last": last,
        "recognised": recognised,
    }
    info = {key: np.array([value]) for key, value in values.items()}
    return Transition(info["ratio"], info["last"], info)


def test_quality_is_a_clipped_ramp() -> None:
    quality = Gated(**RANGE).quality(np.array([5.0, 10.0, 17.5, 20.0, 60.0, np.inf]))
    assert np.allclose(quality, [0, 0, 0.75, 1, 1, 1])


def test_gated_return_is_final_quality_times_total_saving() -> None:
    reward = Gated(**RANGE)
    first = reward(step(18.0, 0.1))  # .8 * .1 - 1 * 0
    second = reward(step(14.0, 0.6, previous_psnr=18.0, previous_total=0.1, last=True))
    assert first == pytest.approx([0.08])
    assert first + second == pytest.approx([0.4 * 0.6])


def test_gated_gives_nothing_for_pruning_nothing_or_everything() -> None:
    assert Gated(**RANGE)(step(60.0, 0.0)) == [0.0]
    assert Gated(**RANGE)(step(9.0, 0.97)) == [0.0]


def test_quality_speed_is_the_weighted_sum_and_prefers_the_extreme() -> None:
    reward = QualitySpeed(**RANGE, alpha=0.5)
    assert reward(step(15.0, 0.1, flops_scale=0.4)) == pytest.approx([0.5 * 0.5 + 0.5 * 0.4])
    assert reward(step(0.0, 1.0, flops_scale=1.0)) >= reward(step(60.0, 0.0, flops_scale=0.0))


def test_prune_ratio_is_the_action() -> None:
    assert PruneRatio()(step(0.0, 0.3, ratio=0.7)) == [0.7]


def test_speed_may_be_the_ratio() -> None:
    assert QualitySpeed(**RANGE, alpha=0.0, speed="ratio")(step(15.0, 0.1, ratio=0.7)) == pytest.approx([0.7])
    assert Gated(**RANGE, speed="ratio")(step(15.0, 0.1, ratio=0.7)) == pytest.approx([0.5 * 0.35])


def test_multi_shows_its_components() -> None:
    reward = Multi(**RANGE, quality_weight=2.0, speed_weight=3.0)
    transition = step(15.0, 0.3, previous_psnr=18.0, previous_total=0.1)
    terms = reward.terms(transition)
    assert terms["quality_change"] == pytest.approx([-0.3])
    assert terms["speed_change"] == pytest.approx([0.2])
    assert reward(transition) == pytest.approx([2 * -0.3 + 3 * 0.2])


@pytest.mark.parametrize("reward_class", [Gated, QualitySpeed, PruneRatio, Multi])
def test_success_and_over_pruning_are_available_to_all(reward_class: type[ImageReward]) -> None:
    plain, both = reward_class(**RANGE), reward_class(**RANGE, success_weight=0.5, over_pruning_weight=2.0)
    good = step(12.0, 0.2, last=True, recognised=1.0)
    assert both(good) - plain(good) == pytest.approx([0.5])
    poor = step(8.0, 0.2, last=False)
    assert both(poor) - plain(poor) == pytest.approx([-2.0 * 0.2])


def test_an_empty_quality_range_is_refused() -> None:
    with pytest.raises(UserError, match=r"reward\.lo must be below reward\.hi"):
        Gated(lo=20.0, hi=20.0)
