"""AND-mask: a parameter moves only where the variations agree on the direction.

Parascandolo et al., "Learning explanations that are hard to vary" (2021), https://arxiv.org/abs/2009.00329.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from rlsuite.core.interfaces import Metrics
from rlsuite.techniques.gradients import Gradients, PerVariation
from rlsuite.techniques.levels import Levels


class Mask(PerVariation):
    """Zero each coordinate j with ``|mean_i sign(g_ij)| < threshold``, then scale the rest up.

    The scale is 1 / (the share of a parameter tensor's coordinates that are left), as in the authors' code. With three
    variations a threshold of 1/3 or less never masks, anything above asks for all three signs to agree.
    """

    def __init__(
        self, *, levels: Levels = (0.0, 0.25, 0.5), threshold: Annotated[float, Gt(0), Le(1)] = 1.0
    ) -> None:
        super().__init__(levels=levels)
        self.threshold = threshold

    def agreeing(self, found: Gradients) -> Tensor:
        """Return 1 for the coordinates (n,) to keep and 0 for the others."""
        return (found.rows.sign().mean(0).abs() >= self.threshold - 1e-6).to(found.rows.dtype)

    def shape(self, combined: Tensor, found: Gradients) -> Tensor:
        """Mask, and scale each parameter tensor."""
        keep, sizes = self.agreeing(found), [shape.numel() for shape in found.shapes]
        scales = [part / part.mean().clamp_min(1e-10) for part in keep.split(sizes)]
        return combined * torch.cat(scales)

    def metrics(self, found: Gradients) -> Metrics:
        """Return the share of the coordinates that are kept."""
        return {"mask_kept": self.agreeing(found).mean()}
