"""The sprites' encoder, one picture at a time, and the decoder that mirrors it.

Sizes are those of the task sheet "Reward-Induced Representation Learning" (Jain, Lee and Pertsch): stride-2 convolutions of 4, 8,
..., 128 channels down to a single place, then 64 features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rlsuite.representation.sprites import FRAME_SIDE

Border = Literal["zeros", "none", "coordinates"]
"""How a convolution may know where it is: by the zeros around the picture, not at all beyond the order of its strides, or by two
more channels that hold each pixel's row and column in [-1, 1] (CoordConv, Liu et al., 2018, https://arxiv.org/abs/1807.03247)."""


@dataclass(frozen=True)
class EncoderConfig:
    """What rebuilds an ``Encoder``: channels of the first convolution, features, slope below zero, ``Border``."""

    channels: int = 4
    features_dim: int = 64
    slope: float = 0.1  # of the leaky rectifiers; 0 is the sheet's ReLU
    border: Border = "zeros"


def init_weights(module: nn.Module, slope: float) -> None:
    """Initialise biases to zero and weights to half of Kaiming's (He et al., 2015, https://arxiv.org/abs/1502.01852).

    With torch's default biases the signal of an image is lost after six layers, and nothing is learnt for some hundred updates;
    with Kaiming's full weights the learning rates that suit later updates are too high for the first.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, slope)
            with torch.no_grad():
                layer.weight.mul_(0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Encoder(nn.Module):
    """Pictures (B, 1, 64, 64) float in [0, 1] -> features (B, ``features_dim``)."""

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EncoderConfig()
        self.features_dim = config.features_dim
        layers = nn.Sequential(*self._convolutions(config))
        self.layers = layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster
        with torch.no_grad():
            flat = self.layers(torch.zeros(1, self.inputs, FRAME_SIDE, FRAME_SIDE)).shape[1]
        self.project = nn.Linear(flat, config.features_dim)
        init_weights(self, config.slope)
        along = torch.linspace(
            -1, 1, FRAME_SIDE
        )  # around 0: on [0, 1] the few white pixels are not learnt beside it
        places = torch.stack(
            [along[:, None].expand(FRAME_SIDE, FRAME_SIDE), along.expand(FRAME_SIDE, FRAME_SIDE)]
        )[None]
        self.places: Tensor
        self.register_buffer("places", places, persistent=False)

    @property
    def inputs(self) -> int:
        """Channels that the first convolution sees."""
        return 3 if self.config.border == "coordinates" else 1

    def _convolutions(self, config: EncoderConfig) -> Iterator[nn.Module]:
        padding, side = int(config.border != "none"), FRAME_SIDE
        inside, outside = self.inputs, config.channels
        while side >= 2:
            yield nn.Conv2d(inside, outside, 3, stride=2, padding=padding)
            yield nn.LeakyReLU(config.slope, inplace=True)
            inside, outside, side = outside, 2 * outside, (side + 2 * padding - 3) // 2 + 1
        yield nn.Flatten()

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode each picture by itself."""
        if self.config.border == "coordinates":
            pictures = torch.cat([pictures, self.places.expand(len(pictures), -1, -1, -1)], dim=1)
        return self.project(self.layers(pictures.contiguous(memory_format=torch.channels_last)))


class Decoder(nn.Module):
    """Features (B, ``features_dim``) -> the logits of white pixels (B, 1, 64, 64)."""

    def __init__(self, features_dim: int = 64, channels: int = 4, slope: float = 0.1) -> None:
        super().__init__()
        widest = channels * FRAME_SIDE // 2
        self.project = nn.Linear(features_dim, widest)
        layers: list[nn.Module] = [nn.Unflatten(1, (widest, 1, 1))]
        while widest > channels:
            layers += [nn.LeakyReLU(slope), nn.ConvTranspose2d(widest, widest // 2, 4, stride=2, padding=1)]
            widest //= 2
        layers += [nn.LeakyReLU(slope), nn.ConvTranspose2d(channels, 1, 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        init_weights(self, slope)

    def forward(self, features: Tensor) -> Tensor:
        """Reconstruct the images from features."""
        return self.layers(self.project(features))
