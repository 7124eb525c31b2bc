"""Observations brought to mean 0 and standard deviation 1 by what has been seen so far."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


class RunningNorm(nn.Module):
    """Normalise (B, n) by running statistics and clip to +-``CLIP``; they are buffers, so saved with the network.

    Before the first ``update`` observations pass unchanged.
    """

    CLIP = 5.0
    total: torch.Tensor
    squares: torch.Tensor
    count: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        for name in ("total", "squares"):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def update(self, count: int, total: np.ndarray, squares: np.ndarray) -> None:
        """Take in ``count`` observations, of which the sums (n,) and the sums of squares (n,) are given."""
        self.count += count
        self.total += torch.as_tensor(total, device=self.total.device)
        self.squares += torch.as_tensor(squares, device=self.squares.device)
        mean = self.total / self.count
        self.mean.copy_(mean)
        self.std.copy_((self.squares / self.count - mean.square()).clamp_min(1e-8).sqrt())

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return the normalised observations."""
        return ((observations - self.mean) / self.std).clamp(-self.CLIP, self.CLIP)
