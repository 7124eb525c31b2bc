"""Points and bonuses for a tidy board, by hand-computed numbers."""

import numpy as np
import pytest
import transitions

from rlsuite.rewards.shaped import Shaped, monotone


def test_adds_shares_of_monotone_lines_and_empty_cells() -> None:
    """Rows 3 of 4; columns: 1305, 2104, 3204, 3001, none monotone; 5 of 16 cells empty."""
    reward = Shaped(combine_weight=1.0, row_weight=2.0, col_weight=4.0, empty_weight=8.0)
    terms = reward.terms(transitions.board(8))
    assert terms["row_reward"] == [1.5]
    assert terms["col_reward"] == [0.0]
    assert terms["empty_cell_reward"] == [2.5]
    assert reward(transitions.board(8)) == pytest.approx([12.0])


def test_a_line_is_monotone_if_it_never_falls_or_never_rises() -> None:
    cells = np.array([transitions.CELLS], dtype=np.uint8).reshape(1, 4, 4)
    assert monotone(cells) == [0.75]
    assert monotone(cells.transpose(0, 2, 1)) == [0.0]


def test_without_bonuses_it_is_the_points() -> None:
    assert Shaped(row_weight=0.0, col_weight=0.0, empty_weight=0.0)(transitions.board(24)) == [24.0]
