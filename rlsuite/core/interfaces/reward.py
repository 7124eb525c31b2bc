"""What is paid for a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Transition:
    """One step of a batch of envs, as rewards see it; every array is (n_envs,) unless said."""

    env_reward: np.ndarray
    terminated: np.ndarray
    info: Mapping[str, np.ndarray] = field(default_factory=dict)


class Reward(Interface):
    """A pure function of a transition; rewards see no env, envs see no formula."""

    needs: ClassVar[frozenset[str]] = frozenset()
    """What it needs of the env's ``offers``."""
    measure: str = "psnr"
    """The measure of image quality that it reads, where the env makes images."""

    @abstractmethod
    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each env, float (n_envs,)."""

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return the components worth showing in ``info``, each (n_envs,)."""
        return {}
