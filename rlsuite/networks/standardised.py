"""Vector observations in units of the first data, with far values drawn in: a scale that never moves under a learner."""

from __future__ import annotations

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn


class Standardised(nn.Module):
    """Map (..., n) to ``symlog((x - mean) / std)``; mean and std come from one call of :meth:`fit`, then stay.

    A running scale would move the features under the networks that read them. Random play shows a small part of an env only,
    so nothing is clipped: ``symlog(u) = sign(u) ln(1 + |u|)`` keeps what lies far outside in reach (Hafner et al. 2023,
    https://arxiv.org/abs/2301.04104). Before :meth:`fit` mean is 0 and std 1.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def fit(self, observations: torch.Tensor) -> None:
        """Take the units from (N, n) observations."""
        self.mean.copy_(observations.mean(dim=0))
        self.std.copy_(observations.std(dim=0).clamp_min(1e-4))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Standardise (..., n)."""
        return symlog((observations - self.mean) / self.std)

    def inverse(self, standardised: torch.Tensor) -> torch.Tensor:
        """Return the observations (..., n) that are mapped to ``standardised``."""
        return symexp(standardised) * self.std + self.mean


class StandardisedFeatures(BaseFeaturesExtractor):
    """``Standardised`` as what an SB3 policy sees; its ``units`` are to be fitted before anything is learnt."""

    def __init__(self, observation_space: gym.spaces.Space) -> None:
        size = gym.spaces.utils.flatdim(observation_space)
        super().__init__(observation_space, size)
        self.units = Standardised(size)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Standardise (B, n)."""
        return self.units(observations.flatten(1))


def symlog(x: torch.Tensor) -> torch.Tensor:
    """Return sign(x) ln(1 + |x|)."""
    return x.sign() * x.abs().log1p()


def symexp(x: torch.Tensor) -> torch.Tensor:
    """Return the inverse of ``symlog``."""
    return x.sign() * x.abs().expm1()
