"""Convolutional encoder and decoder of the VAR tokenizer (the latent-diffusion layout).

Names of sub-modules follow the released VAR checkpoints, so that a state dict loads strictly.
Source: Tian et al., Visual Autoregressive Modeling (2024), which reuses the autoencoder of Rombach et al. (2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class CNNConfig:
    """Shape of the encoder and of its mirror, the decoder.

    Attributes:
        in_channels: channels of an image.
        ch: width of the first level.
        ch_mult: width of each level as a multiple of ``ch``; between two levels the side is halved.
        num_res_blocks: residual blocks a level in the encoder (the decoder has one more).
        z_channels: channels of the latent.
        norm_groups: groups of every GroupNorm (32 in the released models; must divide every width).
        using_sa: self-attention after the blocks of the lowest level.
        using_mid_sa: self-attention between the two middle blocks.
    """

    in_channels: int = 3
    ch: int = 160
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    z_channels: int = 32
    norm_groups: int = 32
    using_sa: bool = True
    using_mid_sa: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level, highest resolution first."""
        return tuple(self.ch * m for m in self.ch_mult)

    def norm(self, channels: int) -> nn.GroupNorm:
        """The GroupNorm every block uses."""
        return nn.GroupNorm(self.norm_groups, channels, eps=1e-6)


class ResBlock(nn.Module):
    """norm, SiLU, conv twice, plus a shortcut (1x1 when the width changes)."""

    def __init__(self, cfg: CNNConfig, cin: int, cout: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = cfg.norm(cin), nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2, self.conv2 = cfg.norm(cout), nn.Conv2d(cout, cout, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, h, w) to (B, cout, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.nin_shortcut(x) + h


class AttnBlock(nn.Module):
    """Single-head self-attention over positions, residual."""

    def __init__(self, cfg: CNNConfig, channels: int) -> None:
        super().__init__()
        self.norm = cfg.norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, c, h * w).unbind(1)
        weight = torch.softmax(q.transpose(1, 2) @ k * c**-0.5, dim=-1)  # (b, query, key)
        return x + self.proj_out((v @ weight.transpose(1, 2)).reshape(b, c, h, w))


class Downsample(nn.Module):
    """Stride-2 conv; padded by one on the right and bottom only, as upstream."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, h / 2, w / 2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest x2, then a conv."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C, 2 h, 2 w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class CNNLevel(nn.Module):
    """Blocks of one resolution, each followed by attention where there is any, then the resize if there is one."""

    def __init__(self, cfg: CNNConfig, widths: list[tuple[int, int]], attention: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResBlock(cfg, cin, cout) for cin, cout in widths)
        self.attn = (
            nn.ModuleList(AttnBlock(cfg, cout) for _, cout in widths) if attention else nn.ModuleList()
        )
        self.downsample: Downsample | None = None
        self.upsample: Upsample | None = None

    def forward(self, x: Tensor) -> Tensor:
        """All blocks of the level, then its resize."""
        for i, block in enumerate(self.block):
            x = block(x)
            if len(self.attn) > 0:
                x = self.attn[i](x)
        for resize in (self.downsample, self.upsample):
            if resize is not None:
                x = resize(x)
        return x


class Middle(nn.Module):
    """Two residual blocks at the lowest resolution, attention between them."""

    def __init__(self, cfg: CNNConfig, channels: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(cfg, channels, channels)
        self.attn_1 = AttnBlock(cfg, channels) if cfg.using_mid_sa else nn.Identity()
        self.block_2 = ResBlock(cfg, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return self.block_2(self.attn_1(self.block_1(x)))


class CNNEncoder(nn.Module):
    """Image (B, in_channels, H, W) to features (B, z_channels, H / f, W / f), f = 2 ** (levels - 1)."""

    def __init__(self, cfg: CNNConfig) -> None:
        super().__init__()
        widths, last = cfg.widths, len(cfg.widths) - 1
        self.conv_in = nn.Conv2d(cfg.in_channels, cfg.ch, 3, padding=1)
        self.down = nn.ModuleList()
        for i, width in enumerate(widths):
            entry = widths[i - 1] if i else cfg.ch
            pairs = [(entry if j == 0 else width, width) for j in range(cfg.num_res_blocks)]
            level = CNNLevel(cfg, pairs, cfg.using_sa and i == last)
            if i != last:
                level.downsample = Downsample(width)
            self.down.append(level)
        self.mid = Middle(cfg, widths[-1])
        self.norm_out = cfg.norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], cfg.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Image to features."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class CNNDecoder(nn.Module):
    """Features (B, z_channels, h, w) to an unclamped image (B, in_channels, f h, f w); ``up[i]`` is level i."""

    def __init__(self, cfg: CNNConfig) -> None:
        super().__init__()
        widths, last = cfg.widths, len(cfg.widths) - 1
        self.conv_in = nn.Conv2d(cfg.z_channels, widths[-1], 3, padding=1)
        self.mid = Middle(cfg, widths[-1])
        self.up = nn.ModuleList()
        for i, width in enumerate(widths):
            entry = widths[min(i + 1, last)]
            pairs = [(entry if j == 0 else width, width) for j in range(cfg.num_res_blocks + 1)]
            level = CNNLevel(cfg, pairs, cfg.using_sa and i == last)
            if i != 0:
                level.upsample = Upsample(width)
            self.up.append(level)
        self.norm_out = cfg.norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], cfg.in_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features to image."""
        x = self.mid(self.conv_in(x))
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))
