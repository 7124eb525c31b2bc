"""V-REx: the mean loss plus a penalty on how much the losses of the variations differ.

Krueger et al., "Out-of-distribution generalization via risk extrapolation" (2021), https://arxiv.org/abs/2003.00688.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from rlsuite.core.interfaces import Metrics
from rlsuite.techniques.gradients import Gradients, PerVariation
from rlsuite.techniques.levels import Levels


class VREx(PerVariation):
    """``mean loss + penalty * variance of the k losses``; its gradient weighs row i by ``share_i + 2 penalty/k (L_i - L)``.

    A variation far below the mean loss may get a negative weight, which is what extrapolates. In RL the losses are not
    risks of one kind: PPO's surrogate starts at minus the mean advantage, so mostly its value loss is evened out.
    """

    needs_losses: ClassVar[bool] = True

    def __init__(self, *, levels: Levels = (0.0, 0.25, 0.5), penalty: Annotated[float, Ge(0)] = 0.1) -> None:
        super().__init__(levels=levels)
        self.penalty = penalty

    def weigh(self, weights: np.ndarray, found: Gradients) -> np.ndarray:
        """Add the penalty's derivative by each loss."""
        assert found.losses is not None
        return weights + 2 * self.penalty / len(weights) * (found.losses - found.losses.mean())

    def metrics(self, found: Gradients) -> Metrics:
        """Return the variance of the losses."""
        assert found.losses is not None
        return {"loss_variance": found.losses.var()}
