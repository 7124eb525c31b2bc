"""Uniformly random actions, legal ones where the task tells which are."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from rlsuite.algos.policies.masking import legal_actions_of, replace_illegal
from rlsuite.algos.reference.policy import ReferencePolicy
from rlsuite.core.interfaces import Task, Technique


class Random(ReferencePolicy):
    """Draw every action uniformly from numpy's global stream, which evaluation seeds."""

    def __init__(self, *, task: Task, technique: Technique, seed: int, device: str = "cpu") -> None:
        super().__init__(task=task, technique=technique, seed=seed, device=device)
        self.legal_actions = legal_actions_of(task)

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return random actions, and the envs' episode steps."""
        actions, state = super().predict(observation, state, episode_start, deterministic)
        if self.legal_actions is not None:
            actions = replace_illegal(
                actions, self.legal_actions(observation), np.random.random(len(actions))
            )
        return actions, state

    def _act(self, episode_step: np.ndarray) -> np.ndarray:
        n, space = len(episode_step), self.action_space
        if isinstance(space, spaces.Discrete):
            return np.random.randint(space.n, size=n)
        return np.random.uniform(space.low, space.high, size=(n, *space.shape)).astype(np.float32)
