"""ARPG's transformer: tokens in any order, any number at once, by two passes over one shared set of keys and values.

The first pass runs over the tokens that are known; what it makes of them becomes the keys and values of the second, whose
queries are one and the same mask embedding, told apart only by the position each is to predict. The modules are pure
functions of their input; caches of a generation live in its state (:mod:`rlsuite.generators.arpg.generator`). State-dict names
follow the released checkpoints. Source: Li et al., "Autoregressive image generation with randomized parallel decoding" (2025),
https://arxiv.org/abs/2503.10568.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.packing import BatchKV, Packing


@dataclass(frozen=True)
class ARPGConfig:
    """Everything that decides the transformer's arithmetic; the defaults are the released L's.

    Attributes:
        vocab_size: codes; behind them lie the mask, the classes, the null class and one spare embedding.
        num_classes: classes; label ``num_classes`` is the null class.
        dim: width C.
        n_layer: blocks, half of them in each pass.
        n_head: attention heads.
        block_size: tokens of an image, a square number.
        multiple_of: the FFN's hidden width is rounded up to a multiple of it.
        ffn_dim_multiplier: scales the hidden width before it is rounded; None: 1.
        rope_base: base of the rotary frequencies.
        norm_eps: epsilon of the RMS norms.
        initializer_range: standard deviation of the weights at the start of training.
        cond_drop_rate: share of labels replaced by the null class in training.
    """

    vocab_size: int = 16384
    num_classes: int = 1000
    dim: int = 1024
    n_layer: int = 24
    n_head: int = 16
    block_size: int = 256
    multiple_of: int = 256
    ffn_dim_multiplier: float | None = None
    rope_base: float = 10000.0
    norm_eps: float = 1e-5
    initializer_range: float = 0.02
    cond_drop_rate: float = 0.1

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be built."""
        if self.side**2 != self.block_size:
            raise ValueError(f"block_size {self.block_size} is no square number")
        if self.n_layer % 2 or self.dim % (4 * self.n_head):
            raise ValueError(
                f"n_layer must be even and dim a multiple of 4 * n_head, not {self.n_layer}, {self.dim} and {self.n_head}"
            )

    @property
    def side(self) -> int:
        """Side of the token grid."""
        return round(self.block_size**0.5)

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.dim // self.n_head

    @property
    def hidden(self) -> int:
        """Hidden width of the FFN."""
        width = int(2 * 4 * self.dim / 3)
        if self.ffn_dim_multiplier is not None:
            width = int(self.ffn_dim_multiplier * width)
        return -(-width // self.multiple_of) * self.multiple_of


def arpg_rope_table(config: ARPGConfig) -> Tensor:
    """(cos, sin) of each slot: (1 + N, head_dim / 2, 2).

    Slot 0 is the class token's and all zeros: its rotated queries and keys are null vectors, so it is attended to with logit
    0 and attends to everything alike; only its value counts. Slot 1 + p is position p in raster order: the first half of the
    frequencies turns with its row, the second with its column.
    """
    quarter = config.head_dim // 4
    frequencies = config.rope_base ** -(torch.arange(quarter).float() / quarter)
    place = torch.arange(config.block_size)
    rows, columns = (
        part.float()[:, None] * frequencies for part in (place // config.side, place % config.side)
    )
    angles = torch.cat((rows, columns), 1)
    table = torch.stack((angles.cos(), angles.sin()), -1)
    return torch.cat((torch.zeros_like(table[:1]), table))


def rotate_slots(x: Tensor, turn: Tensor) -> Tensor:
    """Rotate neighbouring pairs of x (..., H, D) by turn (..., D / 2, 2)."""
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.view_as_complex(turn)[..., None, :]
    return torch.view_as_real(turned).flatten(-2)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
    """Attention of q (R, l, H, D) over k, v (R, m, H, D): (R, l, C); mask (R, 1, l or 1, m), true where a key is seen."""
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return out.transpose(1, 2).flatten(2)


class FeedForward(nn.Module):
    """SwiGLU: w2(silu(w1 x) * w3 x)."""

    def __init__(self, config: ARPGConfig) -> None:
        super().__init__()
        self.w1 = nn.Linear(config.dim, config.hidden, bias=False)
        self.w3 = nn.Linear(config.dim, config.hidden, bias=False)
        self.w2 = nn.Linear(config.hidden, config.dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to the same."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class ARPGAttention(nn.Module):
    """The projections of one block; a block of the second pass has no keys and values of its own."""

    to_q: nn.Linear
    to_k: nn.Linear
    to_v: nn.Linear
    proj: nn.Linear

    def __init__(self, config: ARPGConfig, own_kv: bool) -> None:
        super().__init__()
        for name in ("to_q", "to_k", "to_v", "proj") if own_kv else ("to_q", "proj"):
            self.add_module(name, nn.Linear(config.dim, config.dim, bias=False))


class ARPGBlock(nn.Module):
    """Pre-norm attention and FFN, both residual."""

    def __init__(self, config: ARPGConfig, own_kv: bool) -> None:
        super().__init__()
        self.attn, self.ffn = ARPGAttention(config, own_kv), FeedForward(config)
        self.attn_norm = nn.RMSNorm(config.dim, config.norm_eps)
        self.ffn_norm = nn.RMSNorm(config.dim, config.norm_eps)


class Passes(nn.Module):
    """The blocks of both passes, and the projections of the keys and values they share."""

    def __init__(self, config: ARPGConfig) -> None:
        super().__init__()
        half = config.n_layer // 2
        self.self_dec = nn.ModuleList(ARPGBlock(config, True) for _ in range(half))
        self.cross_dec = nn.ModuleList(ARPGBlock(config, False) for _ in range(half))
        self.norm = nn.RMSNorm(config.dim, config.norm_eps)
        self.to_k = nn.Linear(config.dim, config.dim, bias=False)
        self.to_v = nn.Linear(config.dim, config.dim, bias=False)

    @property
    def first(self) -> list[ARPGBlock]:
        """Blocks of the first pass."""
        return cast(list[ARPGBlock], list(self.self_dec))

    @property
    def second(self) -> list[ARPGBlock]:
        """Blocks of the second pass."""
        return cast(list[ARPGBlock], list(self.cross_dec))


class ARPG(nn.Module):
    """Slots: 0 is the class token's, 1 + p that of position p."""

    rope: Tensor

    def __init__(self, config: ARPGConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(config.vocab_size + config.num_classes + 3, config.dim)
        self.layers = Passes(config)
        self.norm = nn.RMSNorm(config.dim, config.norm_eps)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.register_buffer("rope", arpg_rope_table(config), persistent=False)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=config.initializer_range)
        nn.init.zeros_(self.head.weight)

    @property
    def mask_id(self) -> int:
        """The embedding that asks for a token."""
        return self.config.vocab_size

    def class_id(self, labels: Tensor) -> Tensor:
        """Embedding of each class; a label below 0 is the null class."""
        null = torch.full_like(labels, self.config.num_classes)
        return self.config.vocab_size + 1 + torch.where(labels < 0, null, labels)

    def drop_labels(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a share of the labels by the null class (-1)."""
        drop = torch.rand(labels.shape, generator=generator) < self.config.cond_drop_rate
        return torch.where(drop.to(labels.device), -1, labels)

    # -- the two passes ---------------------------------------------------------------------------

    def absorb(
        self,
        ids: Tensor,
        slots: Tensor,
        packing: Packing,
        past: Sequence[BatchKV],
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> tuple[list[BatchKV], Tensor]:
        """First pass over tokens that have just become known.

        Args:
            ids: packed embedding indices.
            slots: packed slots, the same shape.
            packing: how many there are in each row.
            past: keys and values of each block of this pass, and at last the shared ones.
            mask: (R, 1, l, m) which keys each token sees; None: all that its row has, itself and its chunk included.
            causal: each sees what stands before it only; for a first chunk.

        Returns:
            The keys and values with these added; packed features (..., C), what the shared ones are projected from.
        """
        turn, x, kv = self.rope[slots], self.embeddings(ids), []
        for block, seen in zip(self.layers.first, past, strict=False):
            y = block.attn_norm(x)
            q, k = (rotate_slots(self._heads(part(y)), turn) for part in (block.attn.to_q, block.attn.to_k))
            seen = seen.append(k, self._heads(block.attn.to_v(y)), packing)
            out = attend(packing.pad(q), seen.k, seen.v, seen.mask() if mask is None else mask, causal)
            x = x + block.attn.proj(packing.unpad(out))
            x = x + block.ffn(block.ffn_norm(x))
            kv.append(seen)
        y = self.layers.norm(x)
        shared = rotate_slots(self._heads(self.layers.to_k(y)), turn), self._heads(self.layers.to_v(y))
        return [*kv, past[-1].append(*shared, packing)], y

    def query(self, slots: Tensor, packing: Packing, shared: BatchKV, causal: bool = False) -> Tensor:
        """Second pass: packed logits (..., V) of the tokens at ``slots``, given everything absorbed.

        Queries do not see each other, so the logits at a position do not depend on what else is asked for.
        """
        turn = self.rope[slots]
        x = self.embeddings.weight[self.mask_id].expand(*slots.shape, -1)
        for block in self.layers.second:
            q = rotate_slots(self._heads(block.attn.to_q(block.attn_norm(x))), turn)
            out = attend(packing.pad(q), shared.k, shared.v, shared.mask(), causal)
            x = x + block.attn.proj(packing.unpad(out))
            x = x + block.ffn(block.ffn_norm(x))
        return self.head(self.norm(x))

    def empty(self, rows: int) -> list[BatchKV]:
        """Keys and values before anything is absorbed."""
        shape = self.config.n_head, self.config.head_dim
        return [BatchKV.empty(rows, *shape, like=self.rope)] * (len(self.layers.first) + 1)

    def forward(self, tokens: Tensor, labels: Tensor, orders: Tensor, causal: bool = True) -> Tensor:
        """Training pass: token ``orders[:, j]`` from the class and the j tokens before it.

        Args:
            tokens: (B, N) in raster order.
            labels: (B,) classes, below 0 the null class.
            orders: (B, N) permutations of the positions.
            causal: as trained; False: every query sees everything but the last token (only a check of the arithmetic).

        Returns:
            Logits (B, N, V) in the order given.
        """
        slots = F.pad(1 + orders[:, :-1], (1, 0))
        ids = torch.cat((self.class_id(labels)[:, None], tokens.gather(1, orders[:, :-1])), 1)
        full = Packing.full(*ids.shape)
        kv, _ = self.absorb(ids, slots, full, self.empty(len(ids)), causal=causal)
        return self.query(1 + orders, full, kv[-1], causal)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.config.n_head, -1))
