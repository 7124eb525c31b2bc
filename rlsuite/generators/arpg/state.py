"""The state of a batch of random-order episodes: everything that changes while images are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rlsuite.core.interfaces import Tree
from rlsuite.generators.common.packing import BatchKV

SAMPLE_TENSORS = (
    "labels",
    "seeds",
    "cfg",
    "uniforms",
    "order",
    "tokens",
    "sequence",
    "steps",
    "born",
    "certainty",
    "features",
)
"""The attributes that are tensors with a row for each sample."""


@dataclass(frozen=True)
class RandomOrderState:
    """B episodes, each as far as it is. Never changed in place: a step makes a new one.

    Attributes:
        labels: (B,) int64 classes.
        seeds: (B,) int64.
        cfg: (B,) guidance weights.
        uniforms: (B, N) one number in [0, 1) for the token of each position: a position gets the same number whenever it is
            decoded, so that schedules are compared under common random numbers.
        order: (B, N) the sample's own random order of positions.
        tokens: (B, N) codes in raster order, -1 where unknown.
        sequence: (B, 1 + N) slots in the order they became known, the class (0) first.
        steps: (B,) int64 steps in which a token was decoded.
        born: (B, 1 + N) the step that made each slot of the sequence known.
        certainty: (B, N, 2) probability of the likeliest code, and entropy over its largest possible value, from the last
            logits at each position; (0, 1) where there were none.
        features: (B, C) sum of the first pass's features over what was absorbed.
        known: tokens known in each sample.
        kv: keys and values of each block of the first pass, at last the shared ones; 2B rows, conditional half first.
        logits: (2B, N, V) of every unknown position given all that is known, where they were asked for.
        stream: state of the one torch.Generator of upstream's way of drawing, None when samples have their own numbers.
    """

    labels: Tensor
    seeds: Tensor
    cfg: Tensor
    uniforms: Tensor
    order: Tensor
    tokens: Tensor
    sequence: Tensor
    steps: Tensor
    born: Tensor
    certainty: Tensor
    features: Tensor
    known: tuple[int, ...]
    kv: tuple[BatchKV, ...]
    logits: Tensor | None = None
    stream: Tensor | None = None

    @staticmethod
    def fresh(
        *,
        labels: Tensor,
        seeds: Tensor,
        cfg: Tensor,
        uniforms: Tensor,
        order: Tensor,
        width: int,
        kv: Sequence[BatchKV],
        stream: Tensor | None,
    ) -> RandomOrderState:
        """Nothing generated yet."""
        b, n = order.shape
        return RandomOrderState(
            labels=labels,
            seeds=seeds,
            cfg=cfg,
            uniforms=uniforms,
            order=order,
            tokens=torch.full_like(order, -1),
            sequence=order.new_zeros(b, 1 + n),
            steps=order.new_zeros(b),
            born=order.new_zeros(b, 1 + n),
            certainty=uniforms.new_tensor([0.0, 1.0]).expand(b, n, 2),
            features=uniforms.new_zeros(b, width),
            known=(0,) * b,
            kv=tuple(kv),
            stream=stream,
        )

    @property
    def samples(self) -> int:
        """Number of episodes B."""
        return len(self.labels)

    @property
    def positions(self) -> int:
        """Tokens of an image N."""
        return self.tokens.shape[1]

    @property
    def remaining(self) -> tuple[int, ...]:
        """Unknown tokens of each sample."""
        return tuple(self.positions - n for n in self.known)

    @property
    def done(self) -> bool:
        """Whether every token of every sample is known."""
        return not any(self.remaining)

    @property
    def pooled(self) -> Tensor:
        """(B, C) mean of the first pass's features over what was absorbed; zeros at first."""
        absorbed = torch.tensor(self.kv[-1].lengths[: self.samples], device=self.features.device)
        return self.features / absorbed.clamp(min=1)[:, None]

    def unknown(self) -> Tensor:
        """(B, N) positions in each sample's own order, those still unknown first."""
        known = (self.tokens >= 0).gather(1, self.order)
        return self.order.gather(1, known.long().argsort(dim=1, stable=True))

    def decoded(
        self,
        counts: Sequence[int],
        positions: Tensor,
        tokens: Tensor,
        certainty: Tensor,
        stream: Tensor | None,
    ) -> RandomOrderState:
        """With the first ``counts[i]`` of ``positions`` (B, m) known to be ``tokens`` (B, m)."""
        device, m = self.tokens.device, positions.shape[1]
        count, start = torch.tensor(counts, device=device), torch.tensor(self.known, device=device)
        rows, columns = (torch.arange(m, device=device) < count[:, None]).nonzero(as_tuple=True)
        chosen, places = positions[rows, columns], 1 + start[rows] + columns
        all_tokens, sequence, born = self.tokens.clone(), self.sequence.clone(), self.born.clone()
        seen = self.certainty.clone(memory_format=torch.contiguous_format)
        all_tokens[rows, chosen] = tokens[rows, columns]
        seen[rows, chosen] = certainty[rows, columns]
        steps = self.steps + (count > 0)
        sequence[rows, places] = 1 + chosen
        born[rows, places] = steps[rows]
        return replace(
            self,
            tokens=all_tokens,
            sequence=sequence,
            steps=steps,
            born=born,
            certainty=seen,
            known=tuple(a + b for a, b in zip(self.known, counts, strict=True)),
            logits=None,
            stream=stream,
        )

    def with_envs(self, samples: Sequence[int], fresh: RandomOrderState) -> RandomOrderState:
        """With ``samples`` replaced by those of ``fresh``, a batch just begun."""
        index = torch.as_tensor(samples, device=self.labels.device)
        rows = [*samples, *(self.samples + i for i in samples)]
        known = list(self.known)
        for sample, n in zip(samples, fresh.known, strict=True):
            known[sample] = n
        old, new = vars(self), vars(fresh)
        return replace(
            self,
            **{name: old[name].index_copy(0, index, new[name]) for name in SAMPLE_TENSORS},
            known=tuple(known),
            kv=tuple(mine.merge(rows, theirs) for mine, theirs in zip(self.kv, fresh.kv, strict=True)),
            logits=None
            if self.logits is None or fresh.logits is None
            else self.logits.index_copy(0, torch.as_tensor(rows, device=index.device), fresh.logits),
        )

    def to_tree(self) -> Tree:
        """Nested dict and lists of tensors and numbers, for a checkpoint."""
        tree = dict(vars(self))
        tree["kv"] = [{"k": c.k, "v": c.v, "lengths": list(c.lengths)} for c in self.kv]
        return {**tree, "known": list(self.known)}

    @staticmethod
    def from_tree(tree: Tree, device: torch.device | str = "cpu") -> RandomOrderState:
        """The state that :meth:`to_tree` described, on ``device`` (the stream's state stays on the CPU)."""
        kv = tuple(
            BatchKV(c["k"].to(device), c["v"].to(device), tuple(map(int, c["lengths"]))) for c in tree["kv"]
        )
        logits = None if tree["logits"] is None else tree["logits"].to(device)
        return RandomOrderState(
            **{name: tree[name].to(device) for name in SAMPLE_TENSORS},
            known=tuple(map(int, tree["known"])),
            kv=kv,
            logits=logits,
            stream=tree["stream"],
        )
