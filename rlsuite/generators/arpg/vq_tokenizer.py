"""The image tokenizer of LlamaGen, which ARPG uses: CNN encoder, L2-normalised codebook, CNN decoder.

State-dict names follow the released ``vq_ds16_c2i.pt``. Source: Sun et al., "Autoregressive model beats diffusion: Llama for
scalable image generation" (2024), https://arxiv.org/abs/2406.06525.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.cnn import CNNConfig, Downsample, ResBlock, Upsample

USAGE_LENGTH = 65536  # length of a buffer of the released checkpoints in which training counts used codes; nothing reads it


@dataclass(frozen=True)
class VQConfig(CNNConfig):
    """Everything that decides the tokenizer's arithmetic; the defaults are the released VQ-16's.

    Attributes:
        codebook_size: number of codes.
        codebook_embed_dim: channels of a code.
        codebook_l2_norm: codes and features are normalised, so the nearest code is that of the smallest angle.
        beta: weight of the commitment loss.
    """

    ch: int = 128
    z_channels: int = 256
    codebook_size: int = 16384
    codebook_embed_dim: int = 8
    codebook_l2_norm: bool = True
    beta: float = 0.25


class VQAttention(nn.Module):
    """Single-head self-attention over positions, residual; query, key and value have convs of their own."""

    def __init__(self, cfg: CNNConfig, channels: int) -> None:
        super().__init__()
        self.norm = cfg.norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        y = self.norm(x)
        q, k, v = (conv(y).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))
        out = F.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(out.transpose(1, 2).unflatten(2, x.shape[2:]))


class VQLevel(nn.Module):
    """Residual blocks of one resolution, each followed by attention where there is any, then the resize."""

    def __init__(self, cfg: CNNConfig, widths: list[tuple[int, int]], attention: bool) -> None:
        super().__init__()
        self.res = nn.ModuleList(ResBlock(cfg, cin, cout) for cin, cout in widths)
        self.attn = nn.ModuleList(VQAttention(cfg, cout) for _, cout in widths) if attention else None
        self.downsample: Downsample | None = None
        self.upsample: Upsample | None = None

    def forward(self, x: Tensor) -> Tensor:
        """All blocks of the level, then its resize."""
        for i, block in enumerate(self.res):
            x = block(x)
            if self.attn is not None:
                x = self.attn[i](x)
        for resize in (self.downsample, self.upsample):
            if resize is not None:
                x = resize(x)
        return x


def _middle(cfg: CNNConfig, channels: int) -> nn.ModuleList:
    attention = VQAttention(cfg, channels) if cfg.using_mid_sa else nn.Identity()
    return nn.ModuleList((ResBlock(cfg, channels, channels), attention, ResBlock(cfg, channels, channels)))


class VQEncoder(nn.Module):
    """Image (B, in_channels, H, W) to features (B, z_channels, H / f, W / f), f = 2 ** (levels - 1)."""

    def __init__(self, cfg: CNNConfig) -> None:
        super().__init__()
        widths, last = cfg.widths, len(cfg.widths) - 1
        self.conv_in = nn.Conv2d(cfg.in_channels, cfg.ch, 3, padding=1)
        self.conv_blocks = nn.ModuleList()
        for i, width in enumerate(widths):
            entry = widths[i - 1] if i else cfg.ch
            pairs = [(entry if j == 0 else width, width) for j in range(cfg.num_res_blocks)]
            level = VQLevel(cfg, pairs, cfg.using_sa and i == last)
            if i != last:
                level.downsample = Downsample(width)
            self.conv_blocks.append(level)
        self.mid = _middle(cfg, widths[-1])
        self.norm_out = cfg.norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], cfg.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Image to features."""
        x = self.conv_in(x)
        for level in (*self.conv_blocks, *self.mid):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class VQDecoder(nn.Module):
    """Features (B, z_channels, h, w) to an unclamped image; ``conv_blocks[0]`` is the lowest resolution."""

    def __init__(self, cfg: CNNConfig) -> None:
        super().__init__()
        widths, last = cfg.widths, len(cfg.widths) - 1
        self.conv_in = nn.Conv2d(cfg.z_channels, widths[-1], 3, padding=1)
        self.mid = _middle(cfg, widths[-1])
        self.conv_blocks = nn.ModuleList()
        for i in reversed(range(len(widths))):
            entry = widths[min(i + 1, last)]
            pairs = [(entry if j == 0 else widths[i], widths[i]) for j in range(cfg.num_res_blocks + 1)]
            level = VQLevel(cfg, pairs, cfg.using_sa and i == last)
            if i != 0:
                level.upsample = Upsample(widths[i])
            self.conv_blocks.append(level)
        self.norm_out = cfg.norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], cfg.in_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features to image."""
        x = self.conv_in(x)
        for level in (*self.mid, *self.conv_blocks):
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class Codebook(nn.Module):
    """Nearest code of each feature."""

    codebook_used: Tensor

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.l2_norm, self.beta = config.codebook_l2_norm, config.beta
        self.embedding = nn.Embedding(config.codebook_size, config.codebook_embed_dim)
        nn.init.uniform_(self.embedding.weight, -1 / config.codebook_size, 1 / config.codebook_size)
        self.register_buffer("codebook_used", torch.zeros(USAGE_LENGTH))

    def normed(self, x: Tensor) -> Tensor:
        """Unit vectors along the last axis, where codes are normalised."""
        return F.normalize(x, dim=-1) if self.l2_norm else x

    def lookup(self, indices: Tensor) -> Tensor:
        """Codes (..., e) of indices (...)."""
        return self.normed(self.embedding.weight)[indices]

    def nearest(self, features: Tensor) -> Tensor:
        """Index of the nearest code of each feature (..., e)."""
        codes, z = self.normed(self.embedding.weight), self.normed(features)
        distance = z.square().sum(-1, keepdim=True) + codes.square().sum(1) - 2 * z @ codes.T
        return distance.argmin(-1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training pass on (B, h, w, e): straight-through codes, loss (codebook + beta * commitment), indices."""
        z, indices = self.normed(features), self.nearest(features)
        codes = self.lookup(indices)
        loss = F.mse_loss(codes, z.detach()) + self.beta * F.mse_loss(codes.detach(), z)
        return z + (codes - z).detach(), loss, indices


class VQ(nn.Module):
    """Image in [-1, 1] <-> one index for each place of the latent, in raster order."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        c = self.config = config
        self.encoder, self.decoder = VQEncoder(c), VQDecoder(c)
        self.quantize = Codebook(c)
        self.quant_conv = nn.Conv2d(c.z_channels, c.codebook_embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(c.codebook_embed_dim, c.z_channels, 1)

    def features(self, images: Tensor) -> Tensor:
        """What is quantised: (B, in_channels, H, W) to (B, e, h, w)."""
        return self.quant_conv(self.encoder(images))

    def encode(self, images: Tensor) -> Tensor:
        """Indices (B, h * w) of images in [-1, 1]."""
        return self.quantize.nearest(self.features(images).permute(0, 2, 3, 1)).flatten(1)

    def codes(self, indices: Tensor, side: int) -> Tensor:
        """Code vectors (B, e, side, side) of indices (B, side * side); zeros where the index is negative."""
        codes = self.quantize.lookup(indices.clamp(min=0)) * (indices >= 0)[..., None]
        return codes.transpose(1, 2).unflatten(2, (side, side))

    def decode(self, codes: Tensor) -> Tensor:
        """Unclamped image of code vectors (B, e, h, w)."""
        return self.decoder(self.post_quant_conv(codes))

    def to_image(self, codes: Tensor) -> Tensor:
        """Image in [0, 1] of code vectors (B, e, h, w)."""
        return (self.decode(codes).clamp(-1, 1) + 1) * 0.5

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Training pass: unclamped reconstruction, quantiser loss, indices (B, h * w)."""
        codes, loss, indices = self.quantize(self.features(images).permute(0, 2, 3, 1))
        return self.decode(codes.permute(0, 3, 1, 2)), loss, indices.flatten(1)
