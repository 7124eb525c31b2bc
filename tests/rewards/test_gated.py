"""Quality times saving, by hand-computed numbers."""

import numpy as np
import pytest
import transitions

from rlsuite.rewards.gated import Gated

RANGE = {"lo": 10.0, "hi": 20.0}


def test_return_is_final_quality_times_total_saving() -> None:
    reward = Gated(**RANGE)
    first = reward(transitions.scale(18.0, 0.1))  # .8 * .1 - 1 * 0
    second = reward(transitions.scale(14.0, 0.6, previous_psnr=18.0, previous_total=0.1, last=True))
    assert first == pytest.approx([0.08])
    assert first + second == pytest.approx([0.4 * 0.6])


def test_gives_nothing_for_pruning_nothing_or_everything() -> None:
    assert Gated(**RANGE)(transitions.scale(60.0, 0.0)) == [0.0]
    assert Gated(**RANGE)(transitions.scale(9.0, 0.97)) == [0.0]


def test_speed_may_be_the_ratio() -> None:
    reward = Gated(**RANGE, speed="ratio")
    assert reward(transitions.scale(15.0, 0.1, ratio=0.7)) == pytest.approx([0.5 * 0.35])


def test_shaping_cannot_change_which_end_is_best() -> None:
    """Whatever lies between, two ways to the same end return the same."""
    reward = Gated(**RANGE)
    straight = reward(transitions.scale(16.0, 0.5, last=True))
    path = [(19.0, 0.1), (11.0, 0.2), (16.0, 0.5)]
    before, total = (np.inf, 0.0), 0.0
    for psnr, saved in path:
        total += reward(transitions.scale(psnr, saved, previous_psnr=before[0], previous_total=before[1]))[0]
        before = (psnr, saved)
    assert total == pytest.approx(straight[0])
