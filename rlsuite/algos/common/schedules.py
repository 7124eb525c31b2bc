"""How the learning rate changes over a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

LRSchedule = Literal["constant", "linear", "cosine"]


def learning_rate_schedule(value: float, shape: LRSchedule) -> float | Callable[[float], float]:
    """Return what SB3 takes as a learning rate: a number, or a function of the progress left (1 to 0)."""
    if shape == "linear":
        return lambda left: value * left
    if shape == "cosine":
        return lambda left: value * 0.5 * (1 - math.cos(math.pi * left))
    return value
