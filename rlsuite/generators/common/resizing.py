"""Resizing maps of tokens as a product with a matrix: they are small, and what an interpolation costs is its calls."""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Side = tuple[int, int]
"""Height and width of a map in tokens."""


def resizing(side: Side, new_side: Side, mode: Literal["area", "bicubic"], like: Tensor) -> Tensor:
    """What each token makes of a map of another size: (h' * w', h * w), with the precision and on the device of ``like``."""
    return _matrix(side, new_side, mode, like.dtype, like.device)


@cache
def _matrix(side: Side, new_side: Side, mode: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The interpolation of each token alone, in float32 on the CPU; made outside of inference, for training may use it too."""
    tokens = side[0] * side[1]
    with torch.inference_mode(False), torch.no_grad():
        alone = torch.eye(tokens).view(tokens, 1, *side)
        return F.interpolate(alone, size=new_side, mode=mode).flatten(1).T.contiguous().to(device, dtype)
