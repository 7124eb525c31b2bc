"""FastVAR token pruning and its cost, analytically.

At a pruned scale a sub-layer runs on the pivotal tokens only, those farthest from the mean of their map; the other
tokens take this sub-layer's output at one earlier scale (the cache scale), resized. Ratio 1 skips the scale.
Source: Guo et al., FastVAR: Linear Visual Autoregressive Modeling via Cached Token Pruning (ICCV 2025), ported from
text-conditional models to the class-conditional VAR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from rlsuite.core.seeding import derive_for_scale
from rlsuite.generators.common.resizing import Side, resizing

Ratio = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class PruningSettings:
    """Settings of the pruning.

    Attributes:
        cache_side: side of the cache scale. Scales up to it cannot be pruned partly, only skipped.
        first_layer: first block that prunes.
        last_layer: last block that prunes, inclusive; None: the model's last.
        selection: ``pivotal`` tokens, or ``random`` ones (a control).
        schedule: the fixed schedule, (side, ratio) of the scales it prunes; None: 50 % and 75 % at the last two.
    """

    cache_side: int = 4
    first_layer: int = 1
    last_layer: int | None = None
    selection: Literal["pivotal", "random"] = "pivotal"
    schedule: tuple[tuple[int, float], ...] | None = None

    def ratios(self, sides: Sequence[int]) -> list[float]:
        """The fixed schedule as a ratio for each scale.

        FastVAR releases no class-conditional setting; without one, these are its HART ones (48x48 and 64x64 of 14).

        Raises:
            ValueError: it prunes a scale that the model does not have.
        """
        if self.schedule is None:
            return ([0.0] * len(sides) + [0.5, 0.75])[-len(sides) :]
        given = dict(self.schedule)
        if missing := sorted(set(given) - set(sides)):
            raise ValueError(
                f"pruned_sides {missing} are no scales of this model; its sides are {tuple(sides)}"
            )
        return [given.get(side, 0.0) for side in sides]

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
    """Distance of each token to the mean token of its row: x (R, L, C) to (R, L). In one pass; squared it would rank alike."""
    return torch.linalg.vector_norm(x - x.mean(1, keepdim=True), dim=-1)


def random_scores(seeds: Sequence[int], scale: int, slots: int, length: int) -> Tensor:
    """Random scores for the control: (slots, 2 * samples, length), from each sample's seed and the scale alone."""
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(derive_for_scale(seed, scale))
        rows.append(torch.rand(slots, 2, length, generator=generator))
    return torch.stack(rows, 2).flatten(1, 2)


def kept_tokens(length: int, ratio: float) -> int:
    """Tokens that run at a pruning ratio in [0, 1]: ``length - int(length * ratio)``; 0 at ratio 1 (skipped)."""
    return length - int(length * ratio)


def resize(cached: Tensor, side: Side, new_side: Side, onto: Tensor) -> Tensor:
    """Area-interpolate a cached output (R, h * w, C) of one scale to another's and add it to ``onto`` (R, h' * w', C), in place.

    As a product with the matrix of the interpolation, which is small: tokens stay rows, no map is made of them.
    """
    matrix = resizing(side, new_side, "area", cached)
    return onto.baddbmm_(matrix.expand(len(cached), -1, -1), cached)


def pairs(
    sides: Sequence[int] | None, ratios: Sequence[float] | None
) -> tuple[tuple[int, float], ...] | None:
    """A fixed schedule from two lists of one length, or None from neither.

    Raises:
        ValueError: one without the other, or not equally many.
    """
    if sides is None and ratios is None:
        return None
    if sides is None or ratios is None or len(sides) != len(ratios):
        raise ValueError(
            f"pruned_sides and pruned_ratios belong together, one ratio a side, not {sides} and {ratios}"
        )
    return tuple(zip(sides, map(float, ratios), strict=True))


def ran_tokens(kept: Tensor, lengths: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Kept tokens, whether a scale ran, and all its tokens if it did, each (B, K) float64."""
    kept = kept.double()
    run = (kept > 0).double()
    return kept, run, run * torch.tensor(lengths, dtype=torch.float64, device=kept.device)


def block_flops(
    width: int, per_token: float, depth: int, layers: range, kept: Tensor, length: Tensor
) -> Tensor:
    """FLOPs (B, K) of all blocks: ``per_token`` of the linear layers, and self-attention over the scales so far."""

    def blocks(tokens: Tensor) -> Tensor:
        return per_token * tokens + 4 * width * tokens * tokens.cumsum(
            1
        )  # q k^T and the weighted sum of values

    return len(layers) * blocks(kept) + (depth - len(layers)) * blocks(length)
