"""The game's own score: the sum of the tiles made by merging."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rlsuite.rewards.board import BoardReward


class MergeScore(BoardReward):
    """r_t = combine_weight x points of this move; with weight 1 and no illegal move the return is the score."""

    def parts(self, info: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the points."""
        return {"combine_reward": self.combine_weight * info["gain"]}
