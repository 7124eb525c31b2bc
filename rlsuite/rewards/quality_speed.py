"""The original notes' weighted sum of quality and speed, kept to show what is wrong with it."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from rlsuite.core.interfaces import Transition
from rlsuite.rewards.image import ImageReward


@dataclass(kw_only=True)
class QualitySpeed(ImageReward):
    """r_t = alpha quality_t + (1 - alpha) speed_t at every step.

    Its optimum is degenerate: quality cannot fall below 0 while speed continues to 1, so beyond the ratio at which quality
    is lost every further token pruned is free, and for alpha <= 1/2 skipping the scale (speed 1) is never worse than
    keeping it whole (quality 1). docs/results/var.md shows it measured.
    """

    alpha: Annotated[float, Ge(0), Le(1)] = 0.5

    def value(self, transition: Transition) -> np.ndarray:
        """Return the weighted sum (n,)."""
        terms = self.terms(transition)
        return self.alpha * terms["quality_score"] + (1 - self.alpha) * terms["speed_score"]
