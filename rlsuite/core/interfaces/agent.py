"""What learns and acts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rlsuite.core.interfaces.base import Interface
from rlsuite.core.tree import Tree

if TYPE_CHECKING:
    import numpy as np
    import torch
    from gymnasium import spaces
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.logger import Logger

    from rlsuite.core.interfaces.technique import Technique


class Agent(Interface):
    """Stable-Baselines3's public face, plus an exact state. Built with ``task, technique, seed, device``.

    A class that derives from one of Stable-Baselines3's names it before ``Agent``, whose defaults then come last.
    """

    action_kinds: ClassVar[frozenset[str] | None] = None
    """Kinds of actions it can take (see ``ActionKind``); None: all."""
    techniques: ClassVar[frozenset[str] | None] = None
    """Names of the techniques it serves; None: all."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Techniques it accepts but cannot apply: it runs without them."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What it needs of the env's ``offers``."""
    reads: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Kinds of observations that "setting=value", or "setting" with any value but null, can read."""
    n_envs_setting: ClassVar[tuple[str, int]] = ("n_envs", 1)
    """The setting that levels must share, and how many of it stay together."""
    probes_gradients: ClassVar[bool] = False
    """Whether ``probe_gram`` serves ``agreement``."""
    probes_actor_critic: ClassVar[bool] = False
    """Whether ``probe_halves`` serves ``diagnostics``."""
    writes_log: ClassVar[bool] = False
    """Whether it has a ``logger``."""

    technique: Technique | None = None
    action_space: spaces.Space
    device: torch.device | str
    num_timesteps: int
    gamma: float = 1.0
    logger: Logger

    @abstractmethod
    def learn(
        self, total_timesteps: int, callback: BaseCallback | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Interact and learn until ``total_timesteps`` env steps, summed over the envs.

        ``reset_num_timesteps`` (true unless said) begins at step 0; other arguments are Stable-Baselines3's.
        """
        raise NotImplementedError

    @abstractmethod
    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Return the actions of a batch of observations, and the recurrent state."""
        raise NotImplementedError

    @abstractmethod
    def save(self, path: Any) -> None:
        """Write the model for others to load."""

    @abstractmethod
    def get_state(self) -> Tree:
        """Return all that decides how learning continues, at a rollout boundary."""

    @abstractmethod
    def set_state(self, state: Tree) -> None:
        """Continue from a tree that ``get_state`` returned."""

    @abstractmethod
    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the policy's arrays by name: what ``parameter_hash`` is computed over."""

    def keep_in(self, folder: Path) -> None:
        """Use ``folder`` for what is too large for a checkpoint."""

    def set_logger(self, logger: Logger) -> None:
        """Log to ``logger``."""

    @property
    def checkpoint_due(self) -> bool:
        """True when a checkpoint must be taken whatever the clock says."""
        return False

    def values(self, observations: np.ndarray) -> np.ndarray | None:
        """Return the value (n,) of each observation; None for an agent that estimates none."""
        return None

    def probe_gram(self, probe: Any) -> np.ndarray:
        """Return inner products of the loss's gradients on a probe's groups of envs; see ``probes_gradients``."""
        raise NotImplementedError

    def probe_halves(self, probe: Any) -> Any:
        """Return what actor and critic look like on a probe's halves; see ``probes_actor_critic``."""
        raise NotImplementedError
