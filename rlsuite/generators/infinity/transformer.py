"""Infinity's transformer: text and the bits of the scales so far -> logits of the next scale's bits.

AdaLN blocks with self-attention (two-dimensional rotary positions), attention to the text, and an FFN. The modules are pure
functions of their input; caches of a generation live in its state (:mod:`rlsuite.generators.infinity.generator`). State-dict names
follow the released checkpoints. The arithmetic is that of the official inference, which runs its blocks with fused norms.
Source: Han et al., "Infinity: Scaling bitwise autoregressive modeling for high-resolution image synthesis" (2024),
https://arxiv.org/abs/2412.04431.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.attention import FFN, AdaLNHead, SelfAttention
from rlsuite.generators.common.resizing import Side

SQUARE = (1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64)
"""Sides of the 13 scales of a square image of a million pixels; smaller images have the first of them."""
SCALES_OF_PIXELS = {"0.06M": 7, "0.25M": 10, "0.60M": 12, "1M": 13}
"""Number of scales of each released size: images of 256, 512, 768 and 1024 pixels a side."""


@dataclass(frozen=True)
class InfinityConfig:
    """Everything that decides the transformer's arithmetic; the defaults are the released 2B model's.

    Attributes:
        code_bits: bits of a token.
        text_channels: width of the text encoder's output.
        text_maxlen: longest text in tokens.
        embed_dim: width C.
        depth: blocks.
        num_heads: attention heads.
        block_chunks: groups that the checkpoint keeps the blocks in.
        mlp_ratio: hidden width of the FFN over C.
        norm_eps: epsilon of the norms.
        levels: embeddings of scales, at least as many as there are scales.
        sides: height and width of each scale in tokens.
        grid: height and width of the finest scale of a million pixels: rotary positions are places on it.
    """

    code_bits: int = 32
    text_channels: int = 2048
    text_maxlen: int = 512
    embed_dim: int = 2048
    depth: int = 32
    num_heads: int = 16
    block_chunks: int = 8
    mlp_ratio: float = 4.0
    norm_eps: float = 1e-6
    levels: int = 15
    sides: tuple[Side, ...] = tuple((s, s) for s in SQUARE)
    grid: Side = (64, 64)

    def __post_init__(self) -> None:
        """Take what JSON makes of pairs; refuse shapes that cannot be built."""
        object.__setattr__(self, "sides", tuple((int(h), int(w)) for h, w in self.sides))
        object.__setattr__(self, "grid", (int(self.grid[0]), int(self.grid[1])))
        if self.depth % self.block_chunks or self.embed_dim % (4 * self.num_heads):
            raise ValueError(
                f"depth must be a multiple of block_chunks and embed_dim one of 4 * num_heads, not {self.depth}, "
                f"{self.block_chunks}, {self.embed_dim} and {self.num_heads}"
            )
        if len(self.sides) > self.levels:
            raise ValueError(f"{len(self.sides)} scales, but embeddings of {self.levels} only")

    @property
    def hidden(self) -> int:
        """Hidden width of the FFN."""
        return round(self.embed_dim * self.mlp_ratio)

    @property
    def attn_l2_norm(self) -> bool:
        """Queries and keys of the self-attention are normalised."""
        return True

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.embed_dim // self.num_heads

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each scale."""
        return tuple(h * w for h, w in self.sides)


def infinity_rope_table(config: InfinityConfig, scale: int) -> Tensor:
    """(cos, sin) of each token of a scale: (l, head_dim / 2, 2).

    Token (i, j) of an (h, w) scale stands at (round(i H / h), round(j W / w)) of the finest grid (H, W); the first half of
    the frequencies turns with its row, the second with its column.
    """
    (h, w), (rows, columns) = config.sides[scale], config.grid
    quarter = config.head_dim // 4
    frequencies = 10000.0 ** -(torch.arange(quarter).float() / quarter)
    y = (torch.arange(h) * (rows / h)).round()[:, None, None] * frequencies
    x = (torch.arange(w) * (columns / w)).round()[None, :, None] * frequencies
    angles = torch.cat((y.expand(h, w, -1), x.expand(h, w, -1)), -1).flatten(0, 1)
    return torch.stack((angles.cos(), angles.sin()), -1)


def rotate_pairs(x: Tensor, turn: Tensor) -> Tensor:
    """Rotate neighbouring pairs of x (..., H, D) by turn (..., D / 2, 2), in float32."""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = turn[..., None, :, :].unbind(-1)
    return torch.stack((cos * a - sin * b, sin * a + cos * b), -1).flatten(-2).to(x.dtype)


class TextAttention(nn.Module):
    """Attention of queries (tokens, or one learned vector) to the text: scaled by 1 / sqrt(head_dim)."""

    zero_k_bias: Tensor

    def __init__(self, width: int, text: int, heads: int, pool: bool) -> None:
        super().__init__()
        self.heads = heads
        if pool:
            self.mat_q: nn.Parameter | nn.Linear = nn.Parameter(
                torch.randn(1, heads, width // heads) * width**-0.5
            )
        else:
            self.mat_q = nn.Linear(width, width)
        self.mat_kv = nn.Linear(text, 2 * width, bias=False)
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("zero_k_bias", torch.zeros(width))
        self.proj = nn.Linear(width, width)

    def queries(self, x: Tensor) -> Tensor:
        """Queries (..., H, D) of tokens (..., C); of the pooling, whatever x (R, ...) is, (R, 1, H, D)."""
        if isinstance(self.mat_q, nn.Linear):
            return self.mat_q(x).unflatten(-1, (self.heads, -1))
        return self.mat_q.expand(len(x), -1, -1)[:, None]

    def attend(self, q: Tensor, text: Tensor, mask: Tensor | None) -> Tensor:
        """Queries (R, Q, H, D) to text (R, m, text); mask (R, 1, 1, m), true where there is text: (R, Q, C)."""
        bias = torch.cat((self.zero_k_bias, self.v_bias))
        k, v = F.linear(text, self.mat_kv.weight, bias).unflatten(-1, (2, self.heads, -1)).unbind(-3)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class TextPool(nn.Module):
    """Text to one vector, by a learned query."""

    def __init__(self, text: int, width: int) -> None:
        super().__init__()
        self.ca = TextAttention(width, text, text // (64 if width > 4096 else 128), pool=True)

    def forward(self, text: Tensor, mask: Tensor | None) -> Tensor:
        """(R, m, text) to (R, C)."""
        return self.ca.proj(self.ca.attend(self.ca.queries(text), text, mask))[:, 0]


class InfinityBlock(nn.Module):
    """One block; its sub-layers are separate so that a caller may run them on some tokens."""

    def __init__(self, config: InfinityConfig) -> None:
        super().__init__()
        c = config.embed_dim
        self.width, self.eps = c, config.norm_eps
        self.sa, self.ca = SelfAttention(config), TextAttention(c, c, config.num_heads, pool=False)
        self.ffn = FFN(config)
        self.ca_norm = nn.LayerNorm(c, eps=config.norm_eps)
        self.ada_gss = nn.Parameter(torch.randn(1, 1, 6, c) / c**0.5)

    def modulation(self, shared: Tensor) -> tuple[Tensor, ...]:
        """Six (R, 1, C): gamma1, gamma2, scale1, scale2, shift1, shift2, from the shared network's (R, 1, 6, C)."""
        return (self.ada_gss + shared).unbind(2)

    def normed(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Layer norm without parameters, then the condition's scale and shift."""
        return F.layer_norm(x, (self.width,), eps=self.eps) * (scale + 1) + shift

    def qkv(self, y: Tensor, turn: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (..., H, D) of tokens (..., C), turned to their places (..., D / 2, 2)."""
        q, k, v = self.sa.qkv(y)
        return rotate_pairs(q, turn), rotate_pairs(k, turn), v


class BlockChunk(nn.Module):
    """A group of blocks, as the checkpoint names it."""

    def __init__(self, config: InfinityConfig) -> None:
        super().__init__()
        self.module = nn.ModuleList(InfinityBlock(config) for _ in range(config.depth // config.block_chunks))


class Infinity(nn.Module):
    """Text and bits in, logits of bits out.

    Args:
        config: the transformer's shape.
    """

    def __init__(self, config: InfinityConfig) -> None:
        super().__init__()
        c, text = config.embed_dim, config.text_channels
        self.config = config
        self.cfg_uncond = nn.Parameter(torch.randn(config.text_maxlen, text) / text**0.5)
        self.pos_start = nn.Parameter(torch.randn(1, 1, c) / c**0.5)
        self.text_norm = nn.RMSNorm(text, config.norm_eps)
        self.text_proj_for_sos = TextPool(text, c)
        self.text_proj_for_ca = nn.Sequential(nn.Linear(text, c), nn.GELU("tanh"), nn.Linear(c, c))
        self.lvl_embed = nn.Embedding(config.levels, c)
        self.word_embed = nn.Linear(config.code_bits, c)
        self.shared_ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(c, 6 * c))
        self.block_chunks = nn.ModuleList(BlockChunk(config) for _ in range(config.block_chunks))
        self.head_nm = AdaLNHead(config)
        self.head = nn.Linear(c, 2 * config.code_bits)

    @property
    def layers(self) -> list[InfinityBlock]:
        """The blocks, first to last."""
        return [b for chunk in self.block_chunks for b in chunk.module]  # type: ignore[union-attr]

    def read(self, text: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Text features (R, m, text) to the condition (R, C) and to what the blocks attend to (R, m, C)."""
        text = self.text_norm(text)
        return self.text_proj_for_sos(text, mask), self.text_proj_for_ca(text)

    def shared(self, cond: Tensor) -> Tensor:
        """Output (R, 1, 6, C) of the shared modulation network."""
        return self.shared_ada_lin(cond).view(-1, 1, 6, self.config.embed_dim)

    def embed(self, cond: Tensor, codes: Tensor | None, scale: int) -> Tensor:
        """Tokens (R, l, C) entering block 0: the condition at scale 0, else codes (R, l, bits) resized to the scale."""
        x = cond[:, None] + self.pos_start if codes is None else self.word_embed(codes)
        return x + self.lvl_embed.weight[scale]

    def logits(self, x: Tensor, cond: Tensor) -> Tensor:
        """Logits (R, L, 2 bits) of the last block's output: of each bit first for 0, then for 1."""
        return self.head(self.head_nm(x, cond))

    def forward(self, text: Tensor, mask: Tensor | None, codes: Tensor) -> Tensor:
        """Teacher forcing: logits (R, L, 2 bits) of all scales at once.

        Args:
            text: (R, m, text_channels) features.
            mask: (R, 1, 1, m), true where there is text; None: everywhere.
            codes: (R, L - l_1, bits), running sums resized to each scale (:meth:`BitQuantizer.teacher_input`).
        """
        cond, text = self.read(text, mask)
        level = torch.cat([torch.full((n,), i) for i, n in enumerate(self.config.lengths)]).to(text.device)
        x = torch.cat((cond[:, None] + self.pos_start, self.word_embed(codes)), 1) + self.lvl_embed(level)
        turn = torch.cat([infinity_rope_table(self.config, s) for s in range(len(self.config.sides))]).to(
            text.device
        )
        seen = torch.where(level[:, None] >= level, 0.0, -math.inf).to(x.dtype)
        shared = self.shared(cond)
        for block in self.layers:
            g1, g2, scale1, scale2, shift1, shift2 = block.modulation(shared)
            q, k, v = block.qkv(block.normed(x, scale1, shift1), turn)
            x = x + block.sa.proj(block.sa.attend(q, k, v, seen)) * g1
            x = x + block.ca.proj(block.ca.attend(block.ca.queries(block.ca_norm(x)), text, mask))
            x = x + block.ffn(block.normed(x, scale2, shift2)) * g2
        return self.logits(x, cond)
