"""The score on a logarithmic scale, so that rare large merges do not drown the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rlsuite.rewards.board import BoardReward


class LogScore(BoardReward):
    """r_t = combine_weight x log2(points of this move), 0 without a merge."""

    def parts(self, info: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the logarithms."""
        return {"combine_reward": self.combine_weight * np.log2(np.maximum(info["gain"], 1))}
