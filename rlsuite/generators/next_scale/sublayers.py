"""One scale through the blocks, on the tokens that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from rlsuite.generators.common.packing import BatchKV, Packing
from rlsuite.generators.common.resizing import Side
from rlsuite.generators.next_scale import pruning
from rlsuite.generators.next_scale.plan import StepPlan
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.next_scale.state import NextScaleState


class CachedAttention(Protocol):
    """Attention over keys and values that a caller keeps."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """Queries (R, Q, H, D) over (R, S, H, D), mask true where a key is seen: (R, Q, C)."""
        ...


class SubLayers:
    """Chooses the tokens of each sub-layer of one scale; collects keys and values, and the outputs worth caching.

    Args:
        fast: the pruning settings.
        layers: the blocks that prune.
        sides: height and width of each scale.
        state: the episodes before this scale.
        plan: what runs.
        per_block: sub-layers of a block.
    """

    def __init__(
        self,
        fast: PruningSettings,
        layers: range,
        sides: Sequence[Side],
        state: NextScaleState,
        plan: StepPlan,
        per_block: int = 2,
    ) -> None:
        self.layers, self.sides, self.state, self.plan, self.per_block = layers, sides, state, plan, per_block
        self.cache_scale = fast.cache_scale([h for h, _ in sides])
        length = sides[plan.scale][0] * sides[plan.scale][1]
        self.counts = plan.counts
        self.full = Packing.full(len(self.counts), length)
        self.prunes = any(k < length for k in plan.kept)
        self.kv: list[BatchKV] = []
        self.outputs: list[Tensor] = []  # of each pruning block, one of each sub-layer
        self.noise: Tensor | None = None
        if self.prunes and fast.selection == "random":
            seeds = state.seeds[plan.samples].tolist()
            noise = pruning.random_scores(seeds, plan.scale, per_block * len(layers), length)
            n = len(plan.samples)
            self.noise = noise[:, list(range(n)) + [n + j for j in plan.both]].to(state.f_hat.device)

    def _slot(self, block: int, which: int) -> int | None:
        """Where the sub-layer ``which`` of a block has its cached output; None: a block that never prunes."""
        return self.per_block * (block - self.layers.start) + which if block in self.layers else None

    def chosen(self, x: Tensor, block: int, which: int) -> tuple[Packing, Tensor]:
        """The tokens that run in a sub-layer: which, and taken from the residual stream x (rows, L, C) as it is now."""
        slot = self._slot(block, which)
        if slot is None or not self.prunes:
            return self.full, x
        p = Packing.best(pruning.pivotal_scores(x) if self.noise is None else self.noise[slot], self.counts)
        return p, p.take(x)

    def self_attention(
        self, block: int, attention: CachedAttention, q: Tensor, k: Tensor, v: Tensor, p: Packing
    ) -> Tensor:
        """Packed queries over the keys and values of the scales so far and of these; only these enter the cache."""
        kept = self.state.kv[block]
        kv = kept.select(self.plan.rows).append(k, v, p)
        self.kv.append(kept.merge(self.plan.rows, kv))
        return p.unpad(attention.attend(p.pad(q), kv.k, kv.v, kv.mask()))

    def added(self, x: Tensor, run: Tensor, y: Tensor, p: Packing, block: int, which: int) -> Tensor:
        """The residual stream x (rows, L, C), used up, with outputs on it: y on the tokens that ``run``, the resized cache elsewhere."""
        rows, sides, slot = self.plan.rows, self.sides, self._slot(block, which)
        if slot is not None and self.plan.scale == self.cache_scale:
            self.outputs.append(y)
        if slot is None or p.flat is None:
            return x + y
        cached = self.state.cached[slot] if rows is None else self.state.cached[slot][rows]
        return p.put(pruning.resize(cached, sides[self.cache_scale], sides[self.plan.scale], x), run + y)
