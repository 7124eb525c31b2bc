"""One scale through the blocks, on the tokens that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from rlsuite.generators import fastvar
from rlsuite.generators.fastvar import FastVAR
from rlsuite.generators.packing import LaneKV, Packing
from rlsuite.generators.state import NextScaleState
from rlsuite.generators.transformer import Block


@dataclass(frozen=True)
class Plan:
    """What one step does: the lanes that run, the tokens each keeps, and their rows (conditional half first)."""

    scale: int
    lanes: list[int]
    kept: list[int]
    rows: list[int] | None  # None: every lane runs

    def of(self, x: Tensor) -> Tensor:
        """The lanes of x (B, ...) that run."""
        return x if self.rows is None else x[self.lanes]


class SubLayers:
    """Runs the blocks of one scale; collects the keys and values, and the outputs worth caching.

    Args:
        fast: the pruning settings.
        layers: the blocks that prune.
        sides: side of each scale.
        state: the episodes before this scale.
        plan: what runs.
    """

    def __init__(
        self, fast: FastVAR, layers: range, sides: Sequence[int], state: NextScaleState, plan: Plan
    ) -> None:
        self.layers, self.sides, self.state, self.plan = layers, sides, state, plan
        self.cache_scale, length = fast.cache_scale(sides), sides[plan.scale] ** 2
        self.counts = plan.kept * 2
        self.full = Packing.full(len(self.counts), length)
        self.prunes = any(k < length for k in plan.kept)
        self.kv: list[LaneKV] = []
        self.outputs: list[Tensor] = []  # attention's and the FFN's, block after block
        self.noise: Tensor | None = None
        if self.prunes and fast.selection == "random":
            seeds = state.seeds[plan.lanes].tolist()
            noise = fastvar.random_scores(seeds, plan.scale, len(layers), length)
            self.noise = noise.to(state.f_hat.device)

    def run(self, i: int, block: Block, x: Tensor, m: tuple[Tensor, ...]) -> Tensor:
        """Block i on the residual stream x (R, L, C)."""
        g1, g2, scale1, scale2, shift1, shift2 = m
        slot = 2 * (i - self.layers.start) if i in self.layers else None
        p = self._packing(x, slot)
        y = block.normed(p.take(x), p.spread(scale1), p.spread(shift1))
        x = x + self._restored(self._attention(i, block, y, p) * p.spread(g1), p, slot)
        slot = None if slot is None else slot + 1
        p = self._packing(x, slot)
        y = block.normed(p.take(x), p.spread(scale2), p.spread(shift2))
        return x + self._restored(block.ffn(y) * p.spread(g2), p, slot)

    def _packing(self, x: Tensor, slot: int | None) -> Packing:
        """The tokens to run, from the residual stream as it is now; ``slot`` None: a block that never prunes."""
        if slot is None or not self.prunes:
            return self.full
        scores = fastvar.pivotal_scores(x) if self.noise is None else self.noise[slot]
        return Packing.best(scores, self.counts)

    def _attention(self, i: int, block: Block, y: Tensor, p: Packing) -> Tensor:
        q, k, v = block.attn.qkv(y)
        kv = self.state.kv[i].select(self.plan.rows).append(k, v, p)
        self.kv.append(self.state.kv[i].merge(self.plan.rows, kv))
        return block.attn.proj(p.unpad(block.attn.attend(p.pad(q), kv.k, kv.v, kv.mask())))

    def _restored(self, y: Tensor, p: Packing, slot: int | None) -> Tensor:
        """Outputs of every token: the packed ones, and the resized cache where nothing ran."""
        rows, sides = self.plan.rows, self.sides
        if slot is not None and self.plan.scale == self.cache_scale:
            self.outputs.append(y)
        if slot is None or p.flat is None:
            return y
        cached = self.state.cached[slot] if rows is None else self.state.cached[slot][rows]
        return p.put(fastvar.resize(cached, sides[self.cache_scale], sides[self.plan.scale]), y)
