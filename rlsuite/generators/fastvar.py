"""FastVAR token pruning and its cost, analytically.

At a pruned scale a sub-layer runs on the pivotal tokens only, those farthest from the mean of their map; the other
tokens take this sub-layer's output at one earlier scale (the cache scale), resized. Ratio 1 skips the scale.
Source: Guo et al., FastVAR: Linear Visual Autoregressive Modeling via Cached Token Pruning (ICCV 2025), ported from
text-conditional models to the class-conditional VAR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.transformer import VARConfig


@dataclass(frozen=True)
class FastVAR:
    """Settings of the pruning.

    Attributes:
        cache_side: side of the cache scale. Scales up to it cannot be pruned partly, only skipped.
        first_layer: first block that prunes.
        last_layer: last block that prunes, inclusive; None: the model's last.
        selection: ``pivotal`` tokens, or ``random`` ones (a control).
    """

    cache_side: int = 4
    first_layer: int = 1
    last_layer: int | None = None
    selection: Literal["pivotal", "random"] = "pivotal"

    def layers(self, depth: int) -> range:
        """The blocks that prune.

        Raises:
            ValueError: they are not blocks of a model of ``depth``.
        """
        last = depth - 1 if self.last_layer is None else self.last_layer
        if not 0 <= self.first_layer <= last < depth:
            raise ValueError(
                f"pruned layers {self.first_layer}..{last} are not within the model's 0..{depth - 1}"
            )
        return range(self.first_layer, last + 1)

    def cache_scale(self, sides: Sequence[int]) -> int:
        """Index of the cache scale.

        Raises:
            ValueError: no scale has that side.
        """
        if self.cache_side not in sides:
            raise ValueError(
                f"cache_side={self.cache_side} is no scale of this model; its sides are {tuple(sides)}"
            )
        return list(sides).index(self.cache_side)


def pivotal_scores(x: Tensor) -> Tensor:
    """Squared distance of each token to the mean token of its row: x (R, L, C) to (R, L)."""
    return (x - x.mean(1, keepdim=True)).square().sum(-1)


def random_scores(seeds: Sequence[int], scale: int, layers: int, length: int) -> Tensor:
    """Random scores for the control: (2 * layers, 2 * lanes, length), from each lane's seed and the scale alone."""
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed((seed * 1_000_003 + 7919 * scale + 1) % 2**63)
        rows.append(torch.rand(2 * layers, 2, length, generator=generator))
    return torch.stack(rows, 2).flatten(1, 2)


def kept_tokens(length: int, ratio: float) -> int:
    """Tokens that run at a pruning ratio in [0, 1]: ``length - int(length * ratio)``; 0 at ratio 1 (skipped)."""
    return length - int(length * ratio)


def resize(cached: Tensor, side: int, new_side: int) -> Tensor:
    """Area-interpolate a cached output (R, side**2, C) to (R, new_side**2, C)."""
    maps = cached.transpose(1, 2).unflatten(2, (side, side))
    return F.interpolate(maps, size=(new_side, new_side), mode="area").flatten(2).transpose(1, 2)


def hand_schedule(n_scales: int) -> list[float]:
    """The published hand-made ratios of the last ``n_scales`` scales: 50 % and 75 % at the last two, none before.

    FastVAR releases no class-conditional setting; these are its HART ones (48x48 and 64x64 of 14 scales).
    """
    return ([0.0] * n_scales + [0.5, 0.75])[-n_scales:]


def flops(config: VARConfig, vocab_size: int, code_channels: int, layers: range, kept: Tensor) -> Tensor:
    """Transformer FLOPs of every scale of an episode, both guidance halves (a multiply-add counts two).

    Counted: linear layers (on the kept tokens in pruned blocks), attention (kept queries x keys, whose number
    shrinks with earlier pruning), modulation, word embedding, head. Not counted, being the same or negligible:
    norms, softmax, scores, resizing, the quantiser and the decoder.

    Args:
        config: the transformer's shape.
        vocab_size: codes.
        code_channels: channels of a code.
        layers: the blocks that prune.
        kept: (B, K) tokens kept at each scale, 0 = skipped.

    Returns:
        (B, K) float64.
    """
    c, kept = config.embed_dim, kept.double()
    run = (kept > 0).double()
    length = run * torch.tensor(config.lengths, dtype=torch.float64, device=kept.device)
    per_token = 2 * c * (4 * c + 2 * config.hidden)  # qkv and proj, then the two of the FFN

    def blocks(tokens: Tensor) -> Tensor:
        return per_token * tokens + 4 * c * tokens * tokens.cumsum(1)  # q k^T and the weighted sum of values

    modulation = 2 * c * c * (2 + (6 if config.shared_aln else 6 * config.depth)) * run
    ends = 2 * length * (code_channels * c + c * vocab_size)
    ends[:, 0] -= (
        2 * length[:, 0] * code_channels * c
    )  # the first token is the class, it has no word embedding
    return 2 * (
        len(layers) * blocks(kept) + (config.depth - len(layers)) * blocks(length) + modulation + ends
    )
