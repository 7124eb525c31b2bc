"""What the actions of ``env=var`` mean: pruning ratios, and how a scale is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.generators.next_scale.episode import Control

CATEGORIES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)  # the categorical actions; ratio 1 skips the scale
MIDDLE = 0.5
"""The action that changes nothing where actions are relative to something: residuals and sampling."""
Kind = Literal["ratio", "categorical", "residual"]


class Actions:
    """Turns actions into pruning ratios and controls, and hand-made schedules into actions.

    * ``ratio``: the pruning ratio itself.
    * ``categorical``: one of ``CATEGORIES``.
    * ``residual``: clip(hand-made ratio + 2 a - 1, 0, 1): a = 1/2 is the hand-made schedule.

    With ``sampling`` an action has three more numbers: from 3/4 on the unconditional half is left out, to the end of the image;
    guidance is multiplied with 4 ** (2 a - 1), and temperature with 2 ** (2 a - 1). 1/2 leaves all as it is.

    Args:
        kind: what an action says about pruning.
        sampling: whether it also says how the scale is drawn.
        hand: the hand-made ratio of each decision.
        skip_above: ratios above it skip the scale.

    Raises:
        UserError: sampling with categorical actions.
    """

    def __init__(self, kind: Kind, sampling: bool, hand: Sequence[float], skip_above: float) -> None:
        if sampling and kind == "categorical":
            raise UserError(
                "env.sampling=true needs env.action=ratio or env.action=residual: its actions are numbers"
            )
        self.kind, self.sampling, self.skip_above = kind, sampling, skip_above
        self.hand = np.asarray(hand, dtype=np.float64)

    @property
    def space(self) -> spaces.Space:
        """The action space of one env."""
        if self.kind == "categorical":
            return spaces.Discrete(len(CATEGORIES))
        return spaces.Box(0, 1, (4 if self.sampling else 1,), np.float32)

    def ratios(self, actions: np.ndarray, decision: int) -> np.ndarray:
        """Pruning ratios (n,) in [0, 1] of actions (n, ...) at a decision."""
        if self.kind == "categorical":
            return np.asarray(CATEGORIES)[actions]
        a = actions.reshape(len(actions), -1)[:, 0].astype(np.float64)
        ratio = np.clip(a if self.kind == "ratio" else self.hand[decision] + 2 * a - 1, 0.0, 1.0)
        return np.where(ratio > self.skip_above, 1.0, ratio)

    def control(self, actions: np.ndarray) -> Control | None:
        """How the scale is drawn in each env; None: as ever."""
        if not self.sampling:
            return None
        conditional, guidance, temperature = actions.astype(np.float64).T[1:]
        return Control(
            guidance=(4.0 ** (2 * guidance - 1)).tolist(),
            temperature=(2.0 ** (2 * temperature - 1)).tolist(),
            conditional=(conditional >= 0.75).astype(float).tolist(),
        )

    def of(self, ratios: Sequence[float]) -> list:
        """The actions that play a ratio at each decision: numbers, or vectors where an action has more than one."""
        if self.kind == "categorical":
            return [float(np.abs(np.subtract(CATEGORIES, r)).argmin()) for r in ratios]
        first = np.asarray(ratios, dtype=np.float64)
        if self.kind == "residual":
            first = (np.clip(first - self.hand, -1, 1) + 1) / 2
        return [[float(a), MIDDLE, MIDDLE, MIDDLE] for a in first] if self.sampling else first.tolist()
