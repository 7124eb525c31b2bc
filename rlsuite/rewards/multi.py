"""The components of pruned generation with a weight each, for Pareto sweeps over the weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from rlsuite.core.interfaces import Transition
from rlsuite.rewards.image import ImageReward


@dataclass(kw_only=True)
class Multi(ImageReward):
    """Return = quality_weight x (final quality - 1) + speed_weight x total saving; each step gets its differences.

    Sweep the weights for a front; ``info`` holds the components ``quality_change`` and ``speed_change`` of every step.
    """

    quality_weight: Annotated[float, Ge(0)] = 1.0
    speed_weight: Annotated[float, Ge(0)] = 1.0

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return the scores, and the changes of quality and of the total saving (n,)."""
        info = transition.info
        now, before = self.qualities(info)
        return {
            **super().terms(transition),
            "quality_change": now - before,
            "speed_change": self.saved(info) - self.saved(info, "previous_"),
        }

    def value(self, transition: Transition) -> np.ndarray:
        """Return the weighted sum of both changes (n,)."""
        terms = self.terms(transition)
        return self.quality_weight * terms["quality_change"] + self.speed_weight * terms["speed_change"]
