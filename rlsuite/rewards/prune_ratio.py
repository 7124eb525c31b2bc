"""The original reward of the FastVAR env: the action itself. Meaningless, kept as a control."""

from __future__ import annotations

import numpy as np

from rlsuite.core.interfaces import Transition
from rlsuite.rewards.image import ImageReward


class PruneRatio(ImageReward):
    """r_t = the pruning ratio: always pruning everything is optimal, whatever becomes of the picture."""

    def value(self, transition: Transition) -> np.ndarray:
        """Return the ratio (n,)."""
        return transition.info["ratio"]
