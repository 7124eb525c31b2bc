"""The one features extractor for small spatial observations (feature maps, boards)."""

from __future__ import annotations

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn


class SpatialCNN(BaseFeaturesExtractor):
    """3 convolutions and 2 linear layers: (B, C, H, W) -> (B, features_dim).

    3x3 kernels with padding keep the map's size, so boards of 4x4 and maps of 8x8 fit alike; where the map is larger
    than 8x8 the convolutions after the first halve it. Orthogonal initialisation is left to SB3's policy.
    """

    def __init__(self, observation_space: gym.spaces.Box, features_dim: int = 256, width: int = 32) -> None:
        super().__init__(observation_space, features_dim)
        channels, height, _ = observation_space.shape
        stride = 1 if height <= 8 else 2
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=stride, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=stride, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        with torch.no_grad():
            flat = self.convolutions(torch.zeros(1, *observation_space.shape)).shape[1]
        self.linear = nn.Sequential(
            nn.Linear(flat, features_dim), nn.ReLU(), nn.Linear(features_dim, features_dim), nn.ReLU()
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Map observations (B, C, H, W) to features (B, features_dim)."""
        return self.linear(self.convolutions(observations))
