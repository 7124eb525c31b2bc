"""What the rewards of the board game share."""

import pytest
import transitions

from rlsuite.rewards.log_score import LogScore
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.rewards.shaped import Shaped


@pytest.mark.parametrize("reward_class", [MergeScore, LogScore, Shaped])
def test_an_illegal_move_costs_the_penalty_and_earns_nothing(reward_class: type) -> None:
    reward = reward_class(illegal_penalty=3.0)
    assert reward(transitions.board(0, illegal=True)) == [-3.0]
    assert all(value == 0 for value in reward.terms(transitions.board(0, illegal=True)).values())
