"""An env of your own, from outside this repository, with levels.

Try it with ``PYTHONPATH=examples RLSUITE_PACKAGES=own_env`` before, and behind ``rlsuite-train``:
``--config-dir examples/conf env=corridor algo=ppo total_steps=10000 evaluation.levels=[0,0.5,1]``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from rlsuite.envs.gym.task import Gym


class Corridor(gymnasium.Env[np.ndarray, int]):
    """Walk right to the end of a corridor of ``length`` cells; each step costs .01, the end pays 1."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, length: int = 6) -> None:
        self.length, self.at = length, 0
        self.observation_space = spaces.Box(0, 1, (1,), np.float32)
        self.action_space = spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start in the left half."""
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(self.length // 2))
        return self._observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Go right (1) or left (0)."""
        self.at = max(0, self.at + (1 if action else -1))
        arrived = self.at >= self.length - 1
        return self._observe(), 1.0 if arrived else -0.01, arrived, False, {"success": arrived}

    def _observe(self) -> np.ndarray:
        return np.array([self.at / self.length], dtype=np.float32)


gymnasium.register("Corridor-v0", Corridor, max_episode_steps=100)


class Registered(Gym):
    """``env=gym`` for the env above: naming this class in a yaml imports this module, which registers it."""
