"""Uniformly random actions."""

from __future__ import annotations

import numpy as np

from rlsuite.algos.yardstick import Yardstick


class Random(Yardstick):
    """Draw every action uniformly from numpy's global stream, which evaluation seeds."""

    def _act(self, episode_step: np.ndarray) -> np.ndarray:
        n, space = len(episode_step), self.action_space
        if hasattr(space, "n"):
            return np.random.randint(space.n, size=n)
        return np.random.uniform(space.low, space.high, size=(n, *space.shape)).astype(np.float32)
