"""What trains a model that runs build on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rlsuite.core.interfaces.agent import Tree
from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    import numpy as np

Quality = Mapping[str, object]
"""How good a model is: numbers by name, or JSON trees of them."""


class ModelPretraining(Interface):
    """A training of ``total_steps`` updates that can be resumed after any of them.

    Built with ``seed``, and with ``task`` where it learns from play.
    """

    @property
    @abstractmethod
    def total_steps(self) -> int:
        """Number of updates."""

    @abstractmethod
    def update(self) -> Mapping[str, float]:
        """Take one optimiser step; return what is worth logging.

        Raises:
            Diverged: the loss or its gradient is not finite.
        """

    @abstractmethod
    def get_state(self) -> Tree:
        """Return all that decides how training continues."""

    @abstractmethod
    def set_state(self, state: Tree) -> None:
        """Continue from a tree that ``get_state`` returned."""

    @abstractmethod
    def finish(self, folder: Path) -> Quality:
        """Write the trained model into ``folder``; return its quality, measured on what was written."""

    def pictures(self) -> Mapping[str, np.ndarray]:
        """Return pictures of how far it is, by name: (H, W) or (H, W, 3) uint8."""
        return {}
