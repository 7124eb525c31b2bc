"""Each variation's gradient from one forward and one backward pass, where every parameter belongs to a linear layer.

The gradient of a layer's weight is a sum over the samples of (gradient at its output) x (its input); summing over each
variation's samples alone gives all k gradients by one matrix product a layer. Small MLPs are bound by the number of
calls, not by arithmetic, so this costs less than k passes; for CNNs the passes are cheaper (``benchmarks/technique_cost.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rlsuite.core.interfaces import Loss, Metrics


class Tape:
    """Notes what goes in and out of a policy's linear layers while it is ``on``."""

    def __init__(self, policy: nn.Module) -> None:
        linear = [module for module in policy.modules() if isinstance(module, nn.Linear)]
        owned = {id(parameter) for module in linear for parameter in module.parameters()}
        self.usable = all(id(parameter) in owned for parameter in policy.parameters())
        self.calls: list[tuple[nn.Linear, Tensor, Tensor]] = []
        self.on = False
        for module in linear if self.usable else ():
            # a forward hook would take each call, of acting and of target networks too, through torch's slow path
            module.forward = partial(self._forward, module, module.forward)  # type: ignore[method-assign]

    def _forward(self, module: nn.Linear, forward: Callable[[Tensor], Tensor], entered: Tensor) -> Tensor:
        output = forward(entered)
        if self.on:
            self.calls.append((module, entered, output))
        return output

    def record(self, loss: Loss) -> tuple[Tensor, Metrics, list[tuple[nn.Linear, Tensor, Tensor]]]:
        """Return the loss of the whole minibatch, its metrics, and the calls it took: layer, input, output."""
        self.calls, self.on = [], True
        try:
            return *loss(slice(None)), self.calls
        finally:
            self.on, self.calls = False, []


def layerwise(tape: Tape, loss: Loss, member: np.ndarray) -> tuple[dict[Tensor, Tensor], Metrics] | None:
    """Return each reached parameter's k flattened gradients (k, n), of the variations that occur, and the loss's metrics.

    None where a layer was not called with one row a sample.

    Args:
        tape: of the policy.
        loss: mean loss of some positions of the minibatch.
        member: (batch, k) the samples of each variation; a column weighs them to the mean over them when all are averaged.
    """
    value, metrics, calls = tape.record(loss)
    if any(output.ndim != 2 or len(output) != len(member) for _, _, output in calls):
        return None
    weights = torch.tensor(member, dtype=value.dtype, device=value.device)
    each, total = weights[:, :, None], weights.T
    deltas = torch.autograd.grad(value, [output for _, _, output in calls], allow_unused=True)
    found: dict[Tensor, Tensor] = {}
    with torch.no_grad():
        for (module, entered, _), delta in zip(calls, deltas, strict=True):
            if delta is not None:
                _add(found, module.bias, total.mm(delta) if module.bias is not None else None)
                weight = (each * delta[:, None]).flatten(1).T.mm(entered)
                _add(found, module.weight, weight.view(len(total), -1))
    return found, metrics


def _add(found: dict[Tensor, Tensor], parameter: Tensor | None, gradients: Tensor | None) -> None:
    if parameter is not None and gradients is not None:
        found[parameter] = found[parameter] + gradients if parameter in found else gradients
