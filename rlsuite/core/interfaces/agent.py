"""What learns and acts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import numpy as np

Tree = Any
"""A nested dict / list of tensors, arrays and JSON scalars: what a checkpoint can hold."""


class Agent(Protocol):
    """Stable-Baselines3's public face, plus an exact state. Built with ``task, technique, seed, device``."""

    action_kinds: ClassVar[frozenset[str]]
    techniques: ClassVar[frozenset[str] | None]  # names it can serve; None: all
    # an optional class attribute ``ignores`` names techniques it accepts but cannot apply: it then runs without them
    # an optional static ``refusals(**config)`` yields sentences that say why it cannot learn with these settings
    # an optional ``reads`` tells which kinds of observations "setting=value", or "setting" with any value but null, can read
    action_space: Any
    device: Any
    num_timesteps: int

    def keep_in(self, folder: Path) -> None:
        """Use ``folder`` for what is too large for a checkpoint."""
        ...

    def learn(self, total_timesteps: int, callback: Any = None, reset_num_timesteps: bool = True) -> Any:
        """Interact and learn until ``total_timesteps`` env steps, summed over the envs."""
        ...

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Return the actions of a batch of observations, and the recurrent state."""
        ...

    def save(self, path: Any) -> None:
        """Write the model for others to load."""
        ...

    def get_state(self) -> Tree:
        """Return all that decides how learning goes on, at a rollout boundary."""
        ...

    def set_state(self, state: Tree) -> None:
        """Continue from a tree that ``get_state`` returned."""
        ...

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the policy's arrays by name: what ``parameter_hash`` is computed over."""
        ...
