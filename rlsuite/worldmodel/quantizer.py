"""Quantisers: vectors of a small codebook (VQ, learnt by moving averages), discrete levels (FSQ), or no quantisation.

van den Oord et al., "Neural discrete representation learning" (2017), https://arxiv.org/abs/1711.00937; the moving averages are
its appendix A.1. Mentzer et al., "Finite scalar quantization" (2023), https://arxiv.org/abs/2309.15505.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Quantizer = Literal["vq", "fsq", "continuous"]
COMMITMENT = 0.25
DECAY = 0.99
DEAD = 1.0
"""A code whose moving-average usage falls below this is reset to one of the present vectors."""


class Quantised(NamedTuple):
    """``codes`` (N, G, d) pass gradients straight through; ``indices`` (N, G); ``loss`` pulls encodings to their codes."""

    codes: Tensor
    indices: Tensor
    loss: Tensor


class VectorQuantizer(nn.Module):
    """A codebook of ``size`` codes (d,) for each of G groups, or one for all where ``shared``.

    The codebook changes by :meth:`update` alone; no gradient reaches it.
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor
    begun: Tensor

    def __init__(self, groups: int, size: int, dim: int, shared: bool = False) -> None:
        super().__init__()
        self.groups, self.size, self.dim, self.shared = groups, size, dim, shared
        books = 1 if shared else groups
        self.register_buffer("codes", torch.randn(books, size, dim))
        self.register_buffer("counts", torch.ones(books, size))
        self.register_buffer("sums", self.codes.clone())
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def distances(self, x: Tensor) -> Tensor:
        """Return squared distances (..., G, size) of x (..., G, d) to the codes."""
        return (
            x.square().sum(-1, keepdim=True)
            + self.codes.square().sum(-1)
            - 2 * self._per_book("gd,bkd->gk", x)
        )

    def _per_book(self, formula: str, x: Tensor) -> Tensor:
        """Multiply x (..., G, .) by the book of each group; the formula's first b is the group or the one book."""
        codes = self.codes[0] if self.shared else self.codes
        left, right = formula.split("->")
        return torch.einsum(f"...{left.replace('b', '' if self.shared else 'g')}->...{right}", x, codes)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return codes (..., G, d) of indices (..., G)."""
        if self.shared:
            return self.codes[0][indices]
        return self.codes[torch.arange(self.groups, device=indices.device), indices]

    def forward(self, x: Tensor) -> Quantised:
        """Quantise encodings (N, G, d)."""
        indices = self.distances(x.detach()).argmin(-1)
        found = self.lookup(indices)
        return Quantised(x + (found - x).detach(), indices, COMMITMENT * F.mse_loss(x, found))

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Move each code towards the mean of the encodings (N, G, d) that are nearest to it; reset dead ones."""
        x = x.detach()
        x = x.reshape(-1, 1, self.dim) if self.shared else x
        if not self.begun:
            self._restart(x, torch.ones_like(self.counts, dtype=torch.bool))
            self.begun.fill_(True)
        chosen = F.one_hot(self.distances(x).argmin(-1), self.size).to(x.dtype)  # (N, books, size)
        self.counts.lerp_(chosen.sum(0), 1 - DECAY)
        self.sums.lerp_(torch.einsum("nbk,nbd->bkd", chosen, x), 1 - DECAY)
        self._restart(x, self.counts < DEAD)
        self.codes.copy_(self.sums / self.counts[..., None])

    def _restart(self, x: Tensor, dead: Tensor) -> None:
        """Put the ``dead`` (books, size) codes on encodings drawn from x (N, books, d), with the weight of one."""
        rows = torch.randint(len(x), dead.shape, device=x.device)
        drawn = x[rows, torch.arange(len(dead), device=x.device)[:, None]]
        weight = DEAD * max(
            1.0, len(x) / self.size
        )  # that of a code of mean use: it is not dead again at once
        self.counts[dead] = weight
        self.sums[dead] = weight * drawn[dead]
        self.codes[dead] = drawn[dead]

    def guess_loss(self, x: Tensor, target: Tensor, indices: Tensor, sharpness: Tensor) -> Tensor:
        """Return the cross entropy (...) of a guess x (..., G, d) of the codes ``indices`` (..., G), mean over G.

        The logit of a code is ``-sharpness`` times its squared distance from the guess.
        """
        logits = -sharpness * self.distances(x)
        return (
            F.cross_entropy(logits.flatten(0, -2), indices.flatten(), reduction="none")
            .view(indices.shape)
            .mean(-1)
        )

    def settle(self, x: Tensor, sharpness: Tensor) -> Tensor:
        """Return the expected code of a prediction x (..., G, d): the mean of the codes, weighted by their probability."""
        return self._per_book("gk,bkd->gd", (-sharpness * self.distances(x)).softmax(-1))

    def usage(self, indices: Tensor) -> Tensor:
        """Return the perplexity of indices (N, G): of the codes, how many are used; mean over the books."""
        flat = indices.reshape(-1, 1) if self.shared else indices
        share = F.one_hot(flat, self.size).float().mean(0)
        return torch.exp(-(share * share.clamp_min(1e-12).log()).sum(-1)).mean()


class FiniteScalarQuantizer(VectorQuantizer):
    """Each of G numbers, squashed into (-1, 1), is rounded to the nearest of ``size`` levels: a fixed codebook."""

    def __init__(self, groups: int, size: int) -> None:
        super().__init__(groups, size, 1, shared=True)
        self.codes.copy_(torch.linspace(-1, 1, size)[None, :, None])

    def forward(self, x: Tensor) -> Quantised:
        """Quantise encodings (N, G, 1)."""
        bounded = x.tanh()
        indices = ((bounded.detach() + 1) * 0.5 * (self.size - 1)).round().long().squeeze(-1)
        return Quantised(bounded + (self.lookup(indices) - bounded).detach(), indices, x.new_zeros(()))

    def update(self, x: Tensor) -> None:
        """Levels are fixed."""


class Continuous(VectorQuantizer):
    """No codebook: each of G numbers, squashed into (-1, 1)."""

    def __init__(self, groups: int) -> None:
        super().__init__(groups, 1, 1, shared=True)

    def forward(self, x: Tensor) -> Quantised:
        """Bound encodings (N, G, 1); all indices are 0."""
        return Quantised(
            x.tanh(), torch.zeros(x.shape[:-1], dtype=torch.long, device=x.device), x.new_zeros(())
        )

    def update(self, x: Tensor) -> None:
        """There is no codebook to update."""

    def guess_loss(self, x: Tensor, target: Tensor, indices: Tensor, sharpness: Tensor) -> Tensor:
        """Return the squared error (...) of a guess x (..., G, 1) of ``target``, mean over G."""
        return (x - target).square().mean((-1, -2))

    def settle(self, x: Tensor, sharpness: Tensor) -> Tensor:
        """Return the guess, kept in [-1, 1]."""
        return x.clamp(-1, 1)


def make_quantizer(kind: Quantizer, groups: int, size: int, dim: int, shared: bool) -> VectorQuantizer:
    """Return the quantiser of ``groups`` codes of an observation, each ``dim`` numbers where it has a book."""
    if kind == "fsq":
        return FiniteScalarQuantizer(groups * dim, size)
    if kind == "continuous":
        return Continuous(groups * dim)
    return VectorQuantizer(groups, size, dim, shared)
