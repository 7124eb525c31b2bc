"""Gradient agreement: a variation counts as much as its gradient points where all of them point together.

The weighting is that of Eshratifar et al., "Gradient agreement as an optimization objective for meta-learning" (2018),
https://arxiv.org/abs/1810.08178, with the cosine for the inner product and nothing below 0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from rlsuite.core.interfaces import Metrics
from rlsuite.techniques.gradients import Gradients, PerVariation, cosines
from rlsuite.techniques.levels import Levels


class GAR(PerVariation):
    """``sum w_i g_i / sum w_i`` with ``w_i = share_i * max(0, cos(g_i, reference))``.

    ``share_i`` is the part of the minibatch that variation i has (1/3 of it on average with three), so parallel
    gradients give exactly ``dr``'s update. With ``against=mean`` each gradient is compared with the mean that it is a
    part of: k unrelated ones already have cosines of 1/sqrt(k) (0.58 for three), and the update is hardly ever far
    from dr's (cosine .997 on CartPole). ``against=others`` leaves it out of its own reference, so chance is 0.
    If no variation agrees, the update is zero.
    """

    def __init__(
        self, *, levels: Levels = (0.0, 0.25, 0.5), against: Literal["mean", "others"] = "mean"
    ) -> None:
        super().__init__(levels=levels)
        self.against = against

    def agreement(self, found: Gradients) -> np.ndarray:
        """Return each variation's cosine (k,) with the reference."""
        if self.against == "mean" or len(found.rows) == 1:
            return found.cosines_with_mean
        # column i of `rest` weighs the rows of the reference that i is compared with: all but itself
        rest = found.shares[:, None] * (1 - np.eye(len(found.rows), dtype=found.shares.dtype))
        inner = found.gram @ rest
        return cosines(inner.diagonal(), found.gram.diagonal() * (rest * inner).sum(0))

    def weigh(self, weights: np.ndarray, found: Gradients) -> np.ndarray:
        """Return the weights times agreement, scaled to keep their sum."""
        agreed = weights * np.maximum(self.agreement(found), 0)
        total = agreed.sum()
        return agreed * (weights.sum() / total if total > 0 else 0.0)

    def metrics(self, found: Gradients) -> Metrics:
        """Return the share of the variations that are left out."""
        return {"gar_left_out": (self.agreement(found) <= 0).mean()}
