"""One gradient per variation, and what is made of them.

The minibatch is split by variation; each part has a forward and a backward pass of its own (together about the work
of one pass over all; several backwards through one forward would walk the whole graph each time). Policies of linear
layers need one pass only, see ``layerwise``. The k gradients lie in one (k, n) matrix, whose Gram matrix tells every
angle between them at once. What has only k or k x k numbers is in numpy, whose calls cost less than torch's;
for products it is copied to torch's memory, as MKL's last bits may depend on alignment, which numpy leaves to chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor

from rlsuite.core.interfaces import Loss, Metrics, Technique
from rlsuite.techniques.layerwise import Tape, layerwise
from rlsuite.techniques.levels import Levels, chosen


@dataclass(frozen=True)
class Gradients:
    """What one minibatch says, a row a variation; only the k variations that occur in it.

    The gradient of the whole minibatch's mean loss is ``shares @ rows``.
    """

    rows: Tensor  # (k, n) gradients, flattened and joined
    losses: np.ndarray | None  # (k,) mean losses; only where a technique needs them
    shares: np.ndarray  # (k,) the parts of the minibatch they come from, sum 1
    gram: np.ndarray  # (k, k) inner products of the rows
    shapes: list[torch.Size]  # of the parameters the n columns belong to
    logged: Metrics = field(default_factory=dict)  # the loss's metrics, means over the whole minibatch

    @cached_property
    def cosines_with_mean(self) -> np.ndarray:
        """Each row's cosine (k,) with the whole minibatch's gradient; 0 where one of them is zero."""
        shares = torch.tensor(self.shares)  # numpy's product rounds otherwise
        inner = torch.from_numpy(self.gram) @ shares
        return cosines(inner.numpy(), self.gram.diagonal() * (inner @ shares).numpy())


class PerVariation(Technique):
    """Base of the techniques that look at each variation's gradient.

    ``weigh`` turns the weights of the rows into others, ``shape`` the weighted sum into another gradient. Those of
    several techniques apply one after the other (``rlsuite.techniques.chain``); as they stand they change nothing.
    """

    combines: ClassVar[bool] = True
    needs_losses: ClassVar[bool] = False
    tape: Tape | None = None

    def __init__(self, *, levels: Levels = (0.0, 0.25, 0.5)) -> None:
        self.levels = chosen(levels)

    def attach(self, policy: BasePolicy) -> None:
        """Watch the policy's linear layers."""
        self.tape = Tape(policy)

    def weigh(self, weights: np.ndarray, found: Gradients) -> np.ndarray:
        """Return new weights (k,) from the present ones, at first ``found.shares``."""
        return weights

    def shape(self, combined: Tensor, found: Gradients) -> Tensor:
        """Return the gradient (n,) to use instead of the weighted sum ``combined`` (n,)."""
        return combined

    def metrics(self, found: Gradients) -> Metrics:
        """Return what is worth logging."""
        return {}

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Leave this technique's gradient in the parameters."""
        return combine([self], loss, domains, parameters)


def combine(
    parts: Sequence[PerVariation], loss: Loss, domains: Tensor, parameters: Sequence[Tensor]
) -> Metrics:
    """Leave in ``parameters[i].grad`` what ``parts`` make, in order, of the variations' gradients."""
    tape = parts[0].tape if not any(part.needs_losses for part in parts) else None
    found, used = per_variation(loss, domains, parameters, tape)
    weights, metrics = found.shares, {**found.logged, "agreement": found.cosines_with_mean.mean()}
    for part in parts:
        weights = part.weigh(weights, found)
        metrics |= part.metrics(found)
    combined = torch.tensor(weights, device=found.rows.device) @ found.rows
    for part in parts:
        combined = part.shape(combined, found)
    pieces = combined.split([shape.numel() for shape in found.shapes])
    for parameter, piece, shape in zip(used, pieces, found.shapes, strict=True):
        parameter.grad = piece.view(shape)
    return metrics


def per_variation(
    loss: Loss, domains: Tensor, parameters: Sequence[Tensor], tape: Tape | None = None
) -> tuple[Gradients, list[Tensor]]:
    """Return the variations' gradients, and those of ``parameters`` that any of them reaches.

    With a usable ``tape`` by one pass over the layers, without losses; else by one pass a variation.
    """
    where = domains.cpu().numpy()
    counts = np.bincount(where)
    present = np.flatnonzero(counts)
    counts = counts[present]
    by_layer = None
    if tape is not None and tape.usable:
        scale = len(where) * np.reciprocal(counts, dtype=np.float32)
        by_layer = layerwise(tape, loss, (where[:, None] == present) * scale)
    if by_layer is not None:
        grads, logged = by_layer
        losses, used, rows = None, list(grads), torch.cat(list(grads.values()), dim=1)
    else:
        losses, rows, used, logged = _by_passes(loss, domains, parameters)
    gram = (rows @ rows.T).cpu().numpy()
    shares = np.divide(counts, len(where), dtype=gram.dtype)
    return Gradients(rows, losses, shares, gram, [p.shape for p in used], logged), used


def _by_passes(
    loss: Loss, domains: Tensor, parameters: Sequence[Tensor]
) -> tuple[np.ndarray, Tensor, list[Tensor], Metrics]:
    """Return losses (k,), gradients (k, n), the parameters they reach, and the loss's metrics."""
    losses, grads, parts = [], [], []
    for positions in positions_by_variation(domains):
        value, metrics = loss(positions)
        parts.append((len(positions), metrics))
        grads.append(torch.autograd.grad(value, parameters, allow_unused=True))
        losses.append(value.detach())
    reached = [i for i, several in enumerate(zip(*grads, strict=True)) if any(g is not None for g in several)]
    used = [parameters[i] for i in reached]
    flat = [
        _or_zeros(grad[i], parameter).reshape(-1)
        for grad in grads
        for i, parameter in zip(reached, used, strict=True)
    ]
    rows = torch.cat(flat).view(len(grads), -1)
    return torch.stack(losses).cpu().numpy(), rows, used, mean_metrics(parts)


def mean_metrics(parts: Sequence[tuple[int, Metrics]]) -> Metrics:
    """Return the means of metrics (scalar tensors) over the samples of several parts, each with its number of samples."""
    if len(parts) == 1:
        return parts[0][1]
    names = list(parts[0][1])
    if not names:
        return {}
    values = torch.stack([torch.stack(list(metrics.values())) for _, metrics in parts])
    counts = torch.tensor([count for count, _ in parts], dtype=values.dtype, device=values.device)
    return dict(zip(names, (counts / counts.sum() @ values).unbind(), strict=True))


def cosines(inner: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return inner products (k,) over the roots of ``squares`` (k,), the products of both squared norms; 0 where one is 0."""
    norms = torch.from_numpy(np.maximum(squares, 0)).sqrt().numpy()  # MKL's root, numpy's may differ by a bit
    return np.divide(inner, norms, out=np.zeros_like(inner), where=norms > 0)


def positions_by_variation(domains: Tensor) -> Iterator[Tensor]:
    """Yield the positions (k,) int64 of each variation's samples, in their order; none for an absent variation."""
    order = torch.argsort(domains, stable=True)
    yield from (part for part in order.split(torch.bincount(domains).tolist()) if len(part))


def _or_zeros(grad: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if grad is None else grad
