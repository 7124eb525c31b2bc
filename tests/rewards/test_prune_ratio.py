"""The control whose reward is the action."""

import pytest
import transitions

from rlsuite.rewards.prune_ratio import PruneRatio


@pytest.mark.parametrize("ratio", [0.0, 0.7, 1.0])
def test_is_the_action_whatever_becomes_of_the_image(ratio: float) -> None:
    assert PruneRatio()(transitions.scale(0.0, 0.3, ratio=ratio)) == [ratio]
    assert PruneRatio()(transitions.scale(60.0, 0.9, ratio=ratio)) == [ratio]


def test_so_pruning_everything_is_its_optimum() -> None:
    paid = [PruneRatio()(transitions.scale(20.0 * (1 - r), r, ratio=r))[0] for r in (0.0, 0.5, 1.0)]
    assert paid == sorted(paid)
