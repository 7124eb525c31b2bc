"""Ragged batches: which tokens of which rows a layer runs on, and keys and values of different lengths.

A row is one sequence (an image's conditional or unconditional half). Tokens that run are *packed*: a tensor
(rows, k, ...) when every row has the same k, else (tokens, 1, ...), row after row. Either way a per-row vector
(rows, 1, C), passed through :meth:`Packing.spread`, broadcasts against it, and linear layers see exactly the
tokens that are kept. Only attention pads, and only when rows differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """The tokens that run.

    Attributes:
        counts: tokens of each row.
        flat: (tokens,) index of each into the flattened (rows * length); None: every token of every row.
        rows: (tokens,) row of each, and
        places: (tokens,) place of each among its row's; both None when every row has as many.
    """

    counts: tuple[int, ...]
    flat: Tensor | None = None
    rows: Tensor | None = None
    places: Tensor | None = None

    @staticmethod
    def full(rows: int, length: int) -> Packing:
        """Every token of every row."""
        return Packing((length,) * rows)

    @staticmethod
    def first(counts: Sequence[int], device: torch.device | str = "cpu") -> Packing:
        """The first ``counts[r]`` tokens of each row of a layout (rows, largest count)."""
        if len(set(counts)) <= 1:
            return Packing.full(len(counts), max(counts, default=0))
        most = torch.arange(max(counts), device=device)
        rows, places = (most < torch.tensor(counts, device=device)[:, None]).nonzero(as_tuple=True)
        return Packing(tuple(counts), rows * len(most) + places, rows, places)

    @staticmethod
    def best(scores: Tensor, counts: Sequence[int]) -> Packing:
        """The ``counts[r]`` tokens of highest score (not negative) of each row; scores (rows, length). Ties: the earlier token."""
        n, length = scores.shape
        if all(c == length for c in counts):
            return Packing.full(n, length)
        # Numbers that are not negative rank as their bits do: a rank of integers, where the place settles ties, needs no full sort.
        places = torch.arange(length, device=scores.device)
        ranks = scores.float().contiguous().view(torch.int32).long() * length - places
        if len(set(counts)) == 1:
            best = ranks.topk(counts[0], dim=1, sorted=False).indices.sort(dim=1).values
            return Packing(
                tuple(counts), (best + length * torch.arange(n, device=scores.device)[:, None]).flatten()
            )
        order = ranks.sort(dim=1, descending=True).indices
        budget = torch.tensor(counts, device=scores.device)
        wanted = places < budget[:, None]
        keep = torch.zeros_like(wanted).scatter_(1, order, wanted)
        flat = keep.flatten().nonzero()[:, 0]
        rows = flat // length
        return Packing(tuple(counts), flat, rows, (keep.cumsum(1) - 1).flatten()[flat])

    def take(self, x: Tensor) -> Tensor:
        """Pack x (rows, length, C)."""
        if self.flat is None:
            return x
        packed = x.reshape(-1, x.shape[-1]).index_select(0, self.flat)
        return packed[:, None] if self.rows is not None else packed.view(len(self.counts), -1, x.shape[-1])

    def put(self, base: Tensor, packed: Tensor) -> Tensor:
        """The contiguous base (rows, length, C), changed in place to have the packed tokens in their places."""
        if self.flat is None:
            return packed
        base.view(-1, base.shape[-1]).index_copy_(0, self.flat, packed.flatten(0, 1))
        return base

    def spread(self, vectors: Tensor) -> Tensor:
        """Per-row vectors (rows, 1, C) in a shape that broadcasts against packed tokens."""
        return vectors if self.rows is None else vectors[self.rows]

    def pad(self, packed: Tensor) -> Tensor:
        """Packed tokens as (rows, most tokens of a row, ...), zeros behind the shorter rows."""
        if self.rows is None:
            return packed
        out = packed.new_zeros(len(self.counts), max(self.counts), *packed.shape[2:])
        out[self.rows, self.places] = packed[:, 0]
        return out

    def unpad(self, padded: Tensor) -> Tensor:
        """The inverse of :meth:`pad`."""
        return padded if self.rows is None else padded[self.rows, self.places][:, None]


@dataclass(frozen=True)
class BatchKV:
    """Keys and values of one layer, (rows, most, H, D), row r valid up to ``lengths[r]``. Never changed in place.

    What is appended is filled up with zeros to a multiple of ``block`` keys: by that, attention on a CPU becomes up to twice as fast.
    """

    k: Tensor
    v: Tensor
    lengths: tuple[int, ...]
    block: int = 1

    @staticmethod
    def empty(rows: int, heads: int, head_dim: int, like: Tensor, block: int = 1) -> BatchKV:
        """No tokens yet."""
        nothing = like.new_zeros(rows, 0, heads, head_dim)
        return BatchKV(nothing, nothing, (0,) * rows, block)

    def mask(self) -> Tensor | None:
        """(rows, 1, 1, most) bool, True where a key is valid, of one row where all are equally long; None when every key is."""
        different = sorted(set(self.lengths))
        if different == [self.k.shape[1]] or not different:
            return None
        lengths = torch.tensor(self.lengths if len(different) > 1 else different, device=self.k.device)
        return (torch.arange(self.k.shape[1], device=self.k.device) < lengths[:, None])[:, None, None]

    def append(self, k: Tensor, v: Tensor, packing: Packing) -> BatchKV:
        """With packed keys and values (..., H, D) added to each row."""
        lengths = tuple(a + b for a, b in zip(self.lengths, packing.counts, strict=True))
        most = -(-max(lengths, default=0) // self.block) * self.block
        if len(set(self.lengths)) <= 1 and packing.rows is None:
            return BatchKV(self._join(most, self.k, k), self._join(most, self.v, v), lengths, self.block)
        start = torch.tensor(self.lengths, device=k.device)
        if packing.rows is None or packing.places is None:
            each = torch.arange(packing.counts[0], device=k.device)
            rows, places = torch.arange(len(lengths), device=k.device)[:, None], each + start[:, None]
        else:
            k, v, rows, places = k[:, 0], v[:, 0], packing.rows, packing.places + start[packing.rows]
        return BatchKV(
            self._grow(most, rows, places, k, self.k),
            self._grow(most, rows, places, v, self.v),
            lengths,
            self.block,
        )

    def _join(self, most: int, old: Tensor, new: Tensor) -> Tensor:
        """All rows are equally long: the old, the new behind them, zeros behind these."""
        length = max(self.lengths, default=0)
        rest = most - length - new.shape[1]
        parts = (
            old[:, :length],
            new,
            *([new.new_zeros(()).expand(len(new), rest, *new.shape[2:])] if rest else []),
        )
        return torch.cat(parts, 1)

    @staticmethod
    def _grow(most: int, rows: Tensor, places: Tensor, new: Tensor, old: Tensor) -> Tensor:
        out = old.new_zeros(old.shape[0], most, *old.shape[2:])
        out[:, : old.shape[1]] = old
        out[rows, places] = new
        return out

    def select(self, rows: Sequence[int] | None) -> BatchKV:
        """Some rows only, trimmed to the longest of them; None: all."""
        if rows is None:
            return self
        lengths = tuple(self.lengths[r] for r in rows)
        index = torch.tensor(rows, device=self.k.device)
        most = max(lengths)
        return BatchKV(self.k[index, :most], self.v[index, :most], lengths, self.block)

    def merge(self, rows: Sequence[int] | None, part: BatchKV) -> BatchKV:
        """With ``rows`` replaced by those of ``part``, the inverse of :meth:`select`."""
        if rows is None:
            return part
        lengths = list(self.lengths)
        for r, n in zip(rows, part.lengths, strict=True):
            lengths[r] = n
        at = torch.tensor(rows, device=self.k.device)[:, None]
        places = torch.arange(part.k.shape[1], device=self.k.device)[None]
        most = max(self.k.shape[1], part.k.shape[1])
        return BatchKV(
            self._grow(most, at, places, part.k, self.k)[:, : max(lengths)],
            self._grow(most, at, places, part.v, self.v)[:, : max(lengths)],
            tuple(lengths),
            self.block,
        )
