"""A features extractor that divides observations by fixed numbers, so that all are of about the same size."""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from rlsuite.core.errors import UserError


class Scaled(BaseFeaturesExtractor):
    """Flatten (B, ...) and divide by ``scale``: one number for each of the n values, or one for all -> (B, n).

    Raises:
        UserError: If there are neither one nor n numbers.
    """

    def __init__(self, observation_space: gym.spaces.Space, scale: Sequence[float]) -> None:
        size = gym.spaces.utils.flatdim(observation_space)
        if len(scale) not in (1, size):
            raise UserError(f"observation_scale needs 1 or {size} numbers for this env, not {len(scale)}")
        super().__init__(observation_space, size)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Scale (B, ...) to (B, n)."""
        return observations.flatten(1) / self.scale
