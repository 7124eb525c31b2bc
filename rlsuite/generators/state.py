"""The state of a batch of next-scale episodes: everything that changes while images are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from rlsuite.generators.packing import LaneKV


@dataclass(frozen=True)
class NextScaleState:
    """B episodes in step with each other, each on its own. Never changed in place: a step makes a new one.

    Attributes:
        scale: index of the next scale.
        labels: (B,) int64 classes.
        seeds: (B,) int64, on the CPU.
        cfg: (B,) guidance weights.
        uniforms: (B, L) one number in [0, 1) for each token of each scale.
        stream: state of the one torch.Generator of upstream's way of drawing, None when lanes have their own numbers.
        f_hat: (B, Cvae, h, w) running sum of codes.
        tokens: (B, L) codes chosen, -1 where a scale was skipped or is to come.
        kept: (B, K) tokens that ran at each scale, 0 where it was skipped or is to come.
        kv: keys and values of each block; 2B rows, conditional half first.
        cached: sub-layer outputs at the cache scale, (2B, l, C): attention's and the FFN's of each pruning block.
        has_cache: whether each lane ran the cache scale.
    """

    scale: int
    labels: Tensor
    seeds: Tensor
    cfg: Tensor
    uniforms: Tensor
    stream: Tensor | None
    f_hat: Tensor
    tokens: Tensor
    kept: Tensor
    kv: tuple[LaneKV, ...]
    cached: tuple[Tensor, ...]
    has_cache: tuple[bool, ...]

    @staticmethod
    def fresh(
        *,
        labels: Tensor,
        seeds: Tensor,
        cfg: Tensor,
        stream: Tensor | None,
        uniforms: Tensor,
        f_hat: Tensor,
        lengths: Sequence[int],
        depth: int,
        head_shape: tuple[int, int],
    ) -> NextScaleState:
        """Nothing generated yet."""
        n = len(labels)
        empty = LaneKV.empty(2 * n, *head_shape, like=f_hat)
        return NextScaleState(
            scale=0,
            labels=labels,
            seeds=seeds,
            cfg=cfg,
            uniforms=uniforms,
            stream=stream,
            f_hat=f_hat,
            tokens=labels.new_full((n, sum(lengths)), -1),
            kept=labels.new_zeros(n, len(lengths)),
            kv=(empty,) * depth,
            cached=(),
            has_cache=(False,) * n,
        )

    @property
    def lanes(self) -> int:
        """Number of episodes B."""
        return len(self.labels)

    @property
    def done(self) -> bool:
        """Whether every scale is done."""
        return self.scale == self.kept.shape[1]

    def advanced(
        self,
        lanes: list[int],
        *,
        f_hat: Tensor,
        tokens: Tensor,
        start: int,
        kept: list[int],
        kv: Sequence[LaneKV],
        cached: Sequence[Tensor],
        stream: Tensor | None,
        caches: bool,
    ) -> NextScaleState:
        """After a scale that ran in ``lanes``: f_hat, tokens, kept and cached are theirs, kv is everyone's."""
        all_tokens, all_kept = self.tokens.clone(), self.kept.clone()
        all_tokens[lanes, start : start + tokens.shape[1]] = tokens
        all_kept[lanes, self.scale] = torch.tensor(kept, device=all_kept.device)
        if len(lanes) < self.lanes:
            f_hat = self.f_hat.index_copy(0, torch.tensor(lanes, device=f_hat.device), f_hat)
            cached = [self._spread(lanes, part) for part in cached]
        return replace(
            self,
            scale=self.scale + 1,
            f_hat=f_hat,
            tokens=all_tokens,
            kept=all_kept,
            kv=tuple(kv),
            stream=stream,
            cached=tuple(cached) if caches else self.cached,
            has_cache=tuple(i in lanes for i in range(self.lanes)) if caches else self.has_cache,
        )

    def _spread(self, lanes: list[int], part: Tensor) -> Tensor:
        """Rows of the running lanes put at their places among all rows, zeros elsewhere."""
        out = part.new_zeros(2 * self.lanes, *part.shape[1:])
        out[lanes + [self.lanes + i for i in lanes]] = part
        return out

    def without_caches(self) -> NextScaleState:
        """A finished episode needs no keys, values or cached outputs."""
        return replace(self, kv=(), cached=())

    def to_tree(self) -> dict[str, Any]:
        """Nested dict and lists of tensors and numbers, for a checkpoint."""
        tree = {f.name: getattr(self, f.name) for f in fields(self)}
        tree["kv"] = [{"k": c.k, "v": c.v, "lengths": list(c.lengths)} for c in self.kv]
        tree["cached"], tree["has_cache"] = list(self.cached), list(self.has_cache)
        return tree

    @staticmethod
    def from_tree(tree: dict[str, Any], device: torch.device | str = "cpu") -> NextScaleState:
        """The state that :meth:`to_tree` described, on ``device`` (seeds and the stream's state stay on the CPU)."""
        kv = tuple(
            LaneKV(c["k"].to(device), c["v"].to(device), tuple(map(int, c["lengths"]))) for c in tree["kv"]
        )
        moved = {
            name: tree[name].to(device) for name in ("labels", "cfg", "uniforms", "f_hat", "tokens", "kept")
        }
        return NextScaleState(
            scale=tree["scale"],
            seeds=tree["seeds"],
            stream=tree["stream"],
            kv=kv,
            cached=tuple(part.to(device) for part in tree["cached"]),
            has_cache=tuple(map(bool, tree["has_cache"])),
            **moved,
        )
