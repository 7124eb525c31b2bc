"""No technique: the gradient of the mean loss over the whole minibatch, as upstream computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rlsuite.core.interfaces import Loss, Metrics, Technique

if TYPE_CHECKING:
    from torch import Tensor


class Baseline(Technique):
    """Train on level 0 alone with the plain gradient; bit for bit what Stable-Baselines3 does."""

    levels: tuple[float, ...] = (0.0,)
    combines: ClassVar[bool] = True

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Back-propagate the mean loss of all samples."""
        value, metrics = loss(slice(None))
        value.backward()
        return metrics
