"""The environment's own reward, unchanged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rlsuite.core.interfaces import Reward, Transition


class EnvReward(Reward):
    """Pass the env's reward through."""

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return ``transition.env_reward`` (n_envs,)."""
        return transition.env_reward

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Nothing to add to ``info``."""
        return {}
