"""The image tokenizer of Infinity: CNN encoder, multi-scale binary spherical quantiser, CNN decoder.

Source: Han et al. (2024); Zhao et al., "Image and video tokenization with binary spherical quantization" (2024),
https://arxiv.org/abs/2406.07548.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.cnn import CNNConfig, CNNDecoder, CNNEncoder
from rlsuite.generators.common.resizing import Side


@dataclass(frozen=True)
class BSQConfig(CNNConfig):
    """Everything that decides the tokenizer's arithmetic; the defaults are the released 32-bit one's.

    Attributes:
        decoder_ch_mult: width of each level of the decoder; None: as the encoder's.
        sides: height and width of each scale, the last one being the latent's.
    """

    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 2, 4, 4, 4)
    using_sa: bool = False
    using_mid_sa: bool = False
    decoder_ch_mult: tuple[int, ...] | None = None
    sides: tuple[Side, ...] = ((1, 1),)

    def __post_init__(self) -> None:
        """Take what JSON makes of pairs."""
        object.__setattr__(self, "sides", tuple((int(h), int(w)) for h, w in self.sides))


class LookupFree(nn.Module):
    """No codebook; the checkpoint keeps the value of each bit of an index."""

    mask: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.register_buffer("mask", 2 ** torch.arange(bits - 1, -1, -1))


class BitQuantizer(nn.Module):
    """A token is the signs of its channels: a corner of the cube inscribed in the unit sphere.

    Args:
        bits: channels of the latent.
        sides: height and width of each scale.
    """

    def __init__(self, bits: int, sides: Sequence[Side]) -> None:
        super().__init__()
        self.bits, self.sides = bits, tuple(sides)
        self.lfq = LookupFree(bits)

    def codes(self, bits: Tensor) -> Tensor:
        """Bits (..., d) in {0, 1} to vectors of length 1: each channel +-1 / sqrt(d)."""
        return (bits.float() * 2 - 1) * self.bits**-0.5

    def contribution(self, bits: Tensor, scale: int) -> Tensor:
        """What a scale adds to the running sum; bits (B, h * w, d) to (B, d, H, W)."""
        return resized(self.codes(bits).transpose(1, 2).unflatten(2, self.sides[scale]), self.sides[-1])

    def input(self, total: Tensor, scale: int) -> Tensor:
        """The running sum (B, d, H, W) at the size of ``scale``: (B, h * w, d)."""
        return resized(total, self.sides[scale]).flatten(2).transpose(1, 2)

    def encode(self, f: Tensor) -> tuple[list[Tensor], Tensor]:
        """Bits of every scale, K tensors (B, h * w, d) int64, of features f (B, d, H, W); and the sum of all scales."""
        total, found = torch.zeros_like(f), []
        for scale, side in enumerate(self.sides):
            rest = f - total
            rest = rest if rest.shape[-2:] == side else F.interpolate(rest, size=side, mode="area")
            found.append((rest > 0).long().flatten(2).transpose(1, 2))
            total = total + self.contribution(found[-1], scale)
        return found, total

    def accumulate(self, bits: Sequence[Tensor]) -> list[Tensor]:
        """Running sum after every scale, K tensors (B, d, H, W)."""
        total, out = torch.zeros((), device=bits[0].device), []
        for scale, part in enumerate(bits):
            total = total + self.contribution(part, scale)
            out.append(total)
        return out

    def teacher_input(self, sums: Sequence[Tensor]) -> Tensor:
        """Transformer input of scales 2..K: (B, L - l_1, d), from the running sums."""
        return torch.cat([self.input(f, i + 1) for i, f in enumerate(sums[: len(self.sides) - 1])], 1)


def resized(x: Tensor, side: Side) -> Tensor:
    """Linear interpolation of maps (B, d, h, w)."""
    return x if tuple(x.shape[-2:]) == side else F.interpolate(x, size=side, mode="bilinear")


class BSQ(nn.Module):
    """Image in [-1, 1] <-> bits of every scale. The checkpoint has the quantiser under two names."""

    def __init__(self, config: BSQConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = CNNEncoder(config)
        self.decoder = CNNDecoder(replace(config, ch_mult=config.decoder_ch_mult or config.ch_mult))
        self.quantizer = self.quantize = BitQuantizer(config.z_channels, config.sides)

    def decode(self, total: Tensor) -> Tensor:
        """Unclamped image of a running sum at full latent size."""
        return self.decoder(total)

    def to_image(self, total: Tensor) -> Tensor:
        """Image in [0, 1] of a running sum."""
        return (self.decode(total).clamp(-1, 1) + 1) * 0.5


def checkpoint_name(name: str) -> str:
    """The name that the released checkpoints give a tensor of :class:`BSQ`: they wrap every conv and norm once more.

    >>> checkpoint_name("encoder.down.0.block.0.conv1.weight")
    'encoder.down.0.block.0.conv1.conv.weight'
    """
    wrapped = re.sub(r"\.(norm\w*)\.(weight|bias)$", r".\1.norm.\2", name)
    return re.sub(r"\.(conv\w*|nin_shortcut)\.(weight|bias)$", r".\1.conv.\2", wrapped)
