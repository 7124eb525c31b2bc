"""The state of a batch of next-scale episodes: everything that changes while images are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rlsuite.core.interfaces import Tree
from rlsuite.generators.common.packing import BatchKV
from rlsuite.generators.next_scale.plan import StepPlan

KEY_BLOCK = 16
"""Keys are kept in blocks of so many: as many float32 as the widest registers of a CPU hold."""


@dataclass(frozen=True)
class NextScaleState:
    """B episodes in step with each other, each on its own. Never changed in place: a step makes a new one.

    Attributes:
        scale: index of the next scale.
        labels: (B,) int64 classes.
        seeds: (B,) int64, on the CPU.
        cfg: (B,) guidance weights.
        guided: whether each sample still has its unconditional half.
        uniforms: (B, L) one number in [0, 1) for each token of each scale; (B, L * bits) where tokens are bits.
        stream: state of the one torch.Generator of upstream's way of drawing, None when samples have their own numbers.
        f_hat: (B, Cvae, h, w) running sum of codes.
        tokens: (B, L) codes chosen, or bits (B, L, bits); -1 where a scale was skipped or is to come.
        kept: (B, K) tokens that ran at each scale, 0 where it was skipped or is to come.
        halves: (B, K) guidance halves that ran at each scale: 2, 1 where the unconditional one was left out.
        kv: keys and values of each block; 2B rows, conditional half first.
        cached: sub-layer outputs at the cache scale, (2B, l, C): of each pruning block one of each sub-layer.
        has_cache: whether each sample ran the cache scale.
    """

    scale: int
    labels: Tensor
    seeds: Tensor
    cfg: Tensor
    guided: tuple[bool, ...]
    uniforms: Tensor
    stream: Tensor | None
    f_hat: Tensor
    tokens: Tensor
    kept: Tensor
    halves: Tensor
    kv: tuple[BatchKV, ...]
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
        code_shape: tuple[int, ...] = (),
        dtype: torch.dtype = torch.float32,
    ) -> NextScaleState:
        """Nothing generated yet."""
        n = len(labels)
        empty = BatchKV.empty(2 * n, *head_shape, like=f_hat.to(dtype), block=KEY_BLOCK)
        return NextScaleState(
            scale=0,
            labels=labels,
            seeds=seeds,
            cfg=cfg,
            guided=(True,) * n,
            uniforms=uniforms,
            stream=stream,
            f_hat=f_hat,
            tokens=labels.new_full((n, sum(lengths), *code_shape), -1),
            kept=labels.new_zeros(n, len(lengths)),
            halves=labels.new_zeros(n, len(lengths)),
            kv=(empty,) * depth,
            cached=(),
            has_cache=(False,) * n,
        )

    @property
    def samples(self) -> int:
        """Number of episodes B."""
        return len(self.labels)

    @property
    def done(self) -> bool:
        """Whether every scale is done."""
        return self.scale == self.kept.shape[1]

    def advanced(
        self,
        plan: StepPlan,
        *,
        f_hat: Tensor,
        tokens: Tensor,
        start: int,
        kv: Sequence[BatchKV],
        cached: Sequence[Tensor],
        stream: Tensor | None,
        caches: bool,
    ) -> NextScaleState:
        """After a planned scale: f_hat, tokens and cached are of what ran, kv is everyone's."""
        samples, all_tokens, kept, halves = (
            plan.samples,
            self.tokens.clone(),
            self.kept.clone(),
            self.halves.clone(),
        )
        ran = slice(None) if len(samples) == self.samples else samples
        all_tokens[ran, start : start + tokens.shape[1]] = tokens
        kept[ran, self.scale] = torch.tensor(plan.kept, device=kept.device)
        halves[ran, self.scale] = torch.tensor([1 + plan.guided[i] for i in samples], device=kept.device)
        if len(samples) < self.samples:
            f_hat = self.f_hat.index_copy(0, torch.tensor(samples, device=f_hat.device), f_hat)
        return replace(
            self,
            scale=self.scale + 1,
            guided=plan.guided,
            f_hat=f_hat,
            tokens=all_tokens,
            kept=kept,
            halves=halves,
            kv=tuple(kv),
            stream=stream,
            cached=tuple(self._spread(plan.rows, part) for part in cached) if caches else self.cached,
            has_cache=tuple(i in samples for i in range(self.samples)) if caches else self.has_cache,
        )

    def _spread(self, rows: list[int] | None, part: Tensor) -> Tensor:
        """Those rows put at their places among all 2B, zeros elsewhere; None: all."""
        if rows is None:
            return part
        out = part.new_zeros(2 * self.samples, *part.shape[1:])
        out[rows] = part
        return out

    def without_caches(self) -> NextScaleState:
        """A finished episode needs no keys, values or cached outputs."""
        return replace(self, kv=(), cached=())

    def to_tree(self) -> Tree:
        """Nested dict and lists of tensors and numbers, for a checkpoint."""
        tree = dict(vars(self))
        tree["kv"] = [{"k": c.k.float(), "v": c.v.float(), "lengths": list(c.lengths)} for c in self.kv]
        tree["cached"] = [part.float() for part in self.cached]  # a checkpoint's arrays know no bfloat16
        for name in ("has_cache", "guided"):
            tree[name] = list(tree[name])
        parts = [c.k for c in self.kv] + list(self.cached)
        tree["half"] = bool(parts) and parts[0].dtype == torch.bfloat16
        return tree

    @staticmethod
    def from_tree(tree: Tree, device: torch.device | str = "cpu") -> NextScaleState:
        """The state that :meth:`to_tree` described, on ``device`` (seeds and the stream's state stay on the CPU)."""
        dtype = torch.bfloat16 if tree["half"] else torch.float32
        kv = tuple(
            BatchKV(
                c["k"].to(device, dtype), c["v"].to(device, dtype), tuple(map(int, c["lengths"])), KEY_BLOCK
            )
            for c in tree["kv"]
        )
        moved = {
            name: tree[name].to(device)
            for name in ("labels", "cfg", "uniforms", "f_hat", "tokens", "kept", "halves")
        }
        return NextScaleState(
            scale=tree["scale"],
            seeds=tree["seeds"],
            guided=tuple(map(bool, tree["guided"])),
            stream=tree["stream"],
            kv=kv,
            cached=tuple(part.to(device, dtype) for part in tree["cached"]),
            has_cache=tuple(map(bool, tree["has_cache"])),
            **moved,
        )
