"""What is paid for a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Transition:
    """One step of a batch of envs, as rewards see it; every array is (n_envs,) unless said."""

    env_reward: np.ndarray
    terminated: np.ndarray
    info: Mapping[str, np.ndarray] = field(default_factory=dict)


class Reward(Protocol):
    """A pure function of a transition; rewards see no env, envs see no formula."""

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each env, float (n_envs,)."""
        ...

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return the components worth showing in ``info``, each (n_envs,)."""
        ...
