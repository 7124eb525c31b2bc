"""Features extractors for pictures of 64x64 or so: Nature-CNN, and IMPALA with global average pooling (Impoola)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn
from torch.nn import functional as F

NetworkPrecision = Literal["float32", "bfloat16"]
"""What the convolutions compute in; bfloat16 is 2-3x faster on CPUs with AMX and on GPUs, and changes results."""


class PixelExtractor(BaseFeaturesExtractor):
    """Pictures (B, C, H, W) of 0-255 -> (B, features_dim) float32, by the layers of a subclass.

    They are laid out channels last, which convolutions like best, whatever layout they come in: so what a resumed run
    computes cannot depend on it.
    """

    def __init__(
        self,
        observation_space: gym.spaces.Box,
        features_dim: int = 256,
        precision: NetworkPrecision = "float32",
    ) -> None:
        super().__init__(observation_space, features_dim)
        self.precision = torch.bfloat16 if precision == "bfloat16" else torch.float32
        convolutions = nn.Sequential(*self.convolutions(observation_space.shape[0]), nn.Flatten())
        with torch.no_grad():
            flat = convolutions(torch.zeros(1, *observation_space.shape)).shape[1]
        self.layers = nn.Sequential(convolutions, nn.Linear(flat, features_dim), nn.ReLU())

    def convolutions(self, channels: int) -> Iterator[nn.Module]:
        """Yield the layers before the last one."""
        raise NotImplementedError

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Map pictures (B, C, H, W) to features (B, features_dim)."""
        laid = observations.contiguous(memory_format=torch.channels_last)  # while a pixel is one byte
        pictures = laid.to(self.precision)
        pictures = pictures / 255 if pictures is observations else pictures.div_(255)
        with torch.autocast(observations.device.type, self.precision, self.precision is torch.bfloat16):
            return self.layers(pictures).float()


class NatureCNN(PixelExtractor):
    """Three convolutions: Mnih et al. (2015), https://doi.org/10.1038/nature14236."""

    def convolutions(self, channels: int) -> Iterator[nn.Module]:
        """8x8, 4x4 and 3x3 kernels with strides 4, 2 and 1."""
        for inside, outside, kernel, stride in ((channels, 32, 8, 4), (32, 64, 4, 2), (64, 64, 3, 1)):
            yield nn.Conv2d(inside, outside, kernel, stride)
            yield nn.ReLU()


class SmallCNN(PixelExtractor):
    """Three 3x3 convolutions of 16 channels and stride 2: "cnn" of Reward-Induced Representation Learning's figure 3."""

    def convolutions(self, channels: int) -> Iterator[nn.Module]:
        """Halve the picture three times."""
        for inside in (channels, 16, 16):
            yield nn.Conv2d(inside, 16, 3, stride=2)
            yield nn.ReLU()


class Residual(nn.Module):
    """x + convolution(relu(convolution(relu(x)))), of x's shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width, H, W) to the same."""
        return x + self.second(F.relu(self.first(F.relu(x))))


class Impoola(PixelExtractor):
    """IMPALA's residual network, pooled over all places: Trumpp et al. (2025), https://arxiv.org/abs/2503.05546.

    IMPALA is Espeholt et al. (2018), https://arxiv.org/abs/1802.01561: three stages of a convolution, a max-pool that
    halves the picture, and two residual blocks.
    """

    widths = (16, 32, 32)
    blocks = 2

    def convolutions(self, channels: int) -> Iterator[nn.Module]:
        """Three stages, then the mean over all places."""
        for i, width in enumerate(self.widths):
            yield from self.halve(i, channels, width)
            yield from (Residual(width) for _ in range(self.blocks))
            channels = width
        yield nn.ReLU()
        yield nn.AdaptiveAvgPool2d(1)

    def halve(self, stage: int, channels: int, width: int) -> Iterator[nn.Module]:
        """Yield the layers at the head of a stage."""
        yield nn.Conv2d(channels, width, 3, padding=1)
        yield nn.MaxPool2d(3, stride=2, padding=1)


class ImpoolaSmall(Impoola):
    """Half of Impoola's time: one residual block a stage, and no layer at full size, the first stage's stride is 2."""

    blocks = 1

    def halve(self, stage: int, channels: int, width: int) -> Iterator[nn.Module]:
        """Yield the layers at the head of a stage."""
        if stage:
            yield from super().halve(stage, channels, width)
        else:
            yield nn.Conv2d(channels, width, 4, stride=2, padding=1)
