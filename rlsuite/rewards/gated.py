"""Quality gates speed: savings count only as far as the picture stays what it was."""

from __future__ import annotations

import numpy as np

from rlsuite.core.interfaces import Transition
from rlsuite.rewards.image import ImageReward


class Gated(ImageReward):
    """r_t = q_t S_t - q_{t-1} S_{t-1}, with S the saving so far: the return is *final quality x total saving*.

    A product cannot be had by one factor alone: skipping everything has quality 0, pruning nothing has saving 0.
    The differences are potential-based shaping (Ng, Harada and Russell 1999) with gamma 1: every step is told at
    once what it did to the product, and the sum telescopes.
    """

    def value(self, transition: Transition) -> np.ndarray:
        """Return the change of the product (n,)."""
        info = transition.info
        now, before = self.qualities(info)
        return now * self.saved(info) - before * self.saved(info, "previous_")
