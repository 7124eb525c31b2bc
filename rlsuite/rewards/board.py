"""What the rewards of the board game share: the four components, and what an illegal move costs."""

# No `from __future__ import annotations` here: the fields' types must be objects, since the signatures of subclasses in
# other modules inherit them and are read by `check`.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from rlsuite.core.interfaces import Reward, Transition

PARTS = ("combine_reward", "row_reward", "col_reward", "empty_cell_reward")


@dataclass(kw_only=True)
class BoardReward(Reward):
    """Base of the board rewards; subclasses give ``parts``.

    It reads from ``transition.info``: ``gain`` (n,) points of this move's merges, ``illegal`` (n,) bool, and,
    for a subclass that needs "cell", ``cells`` (n, 16): the exponents, row by row, after the move and before a new tile.

    Attributes:
        illegal_penalty: taken away for a move that changes nothing, which earns nothing else.
        combine_weight: of the merges.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"board"})

    illegal_penalty: Annotated[float, Ge(0)] = 2.0
    combine_weight: Annotated[float, Ge(0)] = 1.0

    def parts(self, info: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the weighted components (n,) by their names in ``PARTS``; those left out are 0."""
        raise NotImplementedError

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return all four components (n,), 0 for an illegal move."""
        info = transition.info
        parts, legal, zero = self.parts(info), ~info["illegal"], np.zeros(len(info["illegal"]))
        return {name: parts[name] * legal if name in parts else zero for name in PARTS}

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward (n,): the components' sum, or minus the penalty."""
        info = transition.info
        return np.where(info["illegal"], -self.illegal_penalty, sum(self.parts(info).values()))
