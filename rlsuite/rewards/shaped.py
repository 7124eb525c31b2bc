"""Merges plus bonuses for a tidy board: monotone rows and columns, empty cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from rlsuite.rewards.board import BoardReward


def monotone(lines: np.ndarray) -> np.ndarray:
    """Return the share (n,) of lines (n, 4, 4), the last axis along them, that never fall or never rise."""
    steps = np.diff(lines.astype(np.int8), axis=2)
    return ((steps >= 0).all(axis=2) | (steps <= 0).all(axis=2)).mean(axis=1)


@dataclass(kw_only=True)
class Shaped(BoardReward):
    """r_t = combine_weight x points + row_weight x monotone rows + col_weight x monotone columns + empty_weight x empty cells.

    Rows, columns and cells count as shares in [0, 1]. The bonuses are paid at every move, not as potential differences:
    they also pay for surviving.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"board", "cell"})

    row_weight: Annotated[float, Ge(0)] = 1.0
    col_weight: Annotated[float, Ge(0)] = 1.0
    empty_weight: Annotated[float, Ge(0)] = 1.0

    def parts(self, info: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return points and bonuses."""
        cells = info["cells"].reshape(-1, 4, 4)
        return {
            "combine_reward": self.combine_weight * info["gain"],
            "row_reward": self.row_weight * monotone(cells),
            "col_reward": self.col_weight * monotone(cells.transpose(0, 2, 1)),
            "empty_cell_reward": self.empty_weight * (cells == 0).mean(axis=(1, 2)),
        }
