"""The board rewards by hand-computed numbers."""

import numpy as np
import pytest

from rlsuite.core.interfaces import Transition
from rlsuite.rewards.log_score import LogScore
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.rewards.shaped import Shaped, monotone

CELLS = [1, 2, 3, 3, 3, 1, 2, 0, 0, 0, 0, 0, 5, 4, 4, 1]  # rows: rising, neither, flat, falling


def step(gain: int = 0, illegal: bool = False) -> Transition:
    info = {
        "gain": np.array([gain]),
        "illegal": np.array([illegal]),
        "cells": np.array([CELLS], dtype=np.uint8),
    }
    return Transition(info["gain"], info["illegal"], info)


def test_merge_score_is_the_points() -> None:
    assert MergeScore()(step(24)) == [24.0]
    assert MergeScore(combine_weight=0.5)(step(24)) == [12.0]


def test_log_score_is_their_logarithm_and_0_without_a_merge() -> None:
    assert LogScore()(step(2048)) == [11.0]
    assert LogScore()(step(0)) == [0.0]


def test_shaped_adds_shares_of_monotone_lines_and_empty_cells() -> None:
    """Rows 3 of 4; columns: 1305, 2104, 3204, 3001, none monotone; 5 of 16 cells empty."""
    assert monotone(np.array([CELLS], dtype=np.uint8).reshape(1, 4, 4)) == [0.75]
    reward = Shaped(combine_weight=1.0, row_weight=2.0, col_weight=4.0, empty_weight=8.0)
    terms = reward.terms(step(8))
    assert terms["row_reward"] == [1.5]
    assert terms["col_reward"] == [0.0]
    assert terms["empty_cell_reward"] == [2.5]
    assert reward(step(8)) == pytest.approx([12.0])


@pytest.mark.parametrize("reward_class", [MergeScore, LogScore, Shaped])
def test_an_illegal_move_costs_the_penalty_and_earns_nothing(reward_class: type) -> None:
    reward = reward_class(illegal_penalty=3.0)
    assert reward(step(0, illegal=True)) == [-3.0]
    assert all(value == 0 for value in reward.terms(step(0, illegal=True)).values())
