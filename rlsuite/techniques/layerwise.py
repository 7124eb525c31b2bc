"""Each variation's gradient from one forward and one backward pass, where every parameter belongs to a linear layer.

The gradient of a layer's weight is a sum over the samples of (gradient at its output) x (its input); summing over each
variation's samples alone gives all k gradients by one matrix product a layer. Small MLPs are bound by the number of
calls, not by arithmetic, so this costs less than k passes; for CNNs the passes are cheaper (``benchmarks/speed/technique_cost.py``).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rlsuite.core.interfaces import Loss, Metrics

Call = tuple[nn.Linear, Tensor, Tensor]
"""A layer, what went into it and what came out."""


class Tape:
    """Notes what goes in and out of a policy's linear layers while a loss is computed."""

    def __init__(self, policy: nn.Module) -> None:
        self.layers = [module for module in policy.modules() if isinstance(module, nn.Linear)]
        owned = {id(parameter) for module in self.layers for parameter in module.parameters()}
        self.usable = all(id(parameter) in owned for parameter in policy.parameters())

    def record(self, loss: Loss) -> tuple[Tensor, Metrics, list[Call]]:
        """Return the loss of the whole minibatch, its metrics, and the calls it took."""
        calls: list[Call] = []

        def note(module: nn.Module, entered: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(module, nn.Linear)
            calls.append((module, entered[0], output))

        # only while it records: with a hook every call takes torch's slow path, those of acting and of targets too
        hooks = [layer.register_forward_hook(note) for layer in self.layers]
        try:
            return *loss(slice(None)), calls
        finally:
            for hook in hooks:
                hook.remove()


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
