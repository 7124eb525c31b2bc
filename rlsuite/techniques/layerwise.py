"""Each variation's gradient from one forward and one backward pass, where every parameter belongs to a linear layer.

The gradient of a layer's weight is a sum over the samples of (gradient at its output) x (its input); summing over each
variation's samples alone gives all k gradients by one matrix product a layer. Small MLPs are bound by the number of
calls, not by arithmetic, so this costs less than k passes; for CNNs the passes are cheaper (``benchmarks/technique_cost.py``).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rlsuite.core.interfaces import Loss, Metrics


class Tape:
    """Notes what goes in and out of a policy's linear layers while it is ``on``; see ``watch``."""

    def __init__(self, usable: bool) -> None:
        self.usable = usable
        self.calls: list[tuple[nn.Linear, Tensor, Tensor]] = []
        self.on = False

    def record(self, loss: Loss) -> tuple[Tensor, Metrics, list[tuple[nn.Linear, Tensor, Tensor]]]:
        """Return the loss of the whole minibatch, its metrics, and the calls it took: layer, input, output."""
        self.calls, self.on = [], True
        try:
            return *loss(slice(None)), self.calls
        finally:
            self.on, self.calls = False, []


class WatchedLinear(nn.Linear):
    """A linear layer that writes its calls on a tape; it takes over another layer's parameters.

    A forward hook would take each call, of acting and of target networks too, through torch's slow path.
    """

    def __init__(self, layer: nn.Linear, tape: Tape) -> None:
        nn.Module.__init__(self)  # upstream's own would draw parameters, and so move the random stream
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self.tape = tape
        self.train(layer.training)

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        output = super().forward(input)
        if self.tape.on:
            self.tape.calls.append((self, input, output))
        return output


def watch(policy: nn.Module) -> Tape:
    """Return a tape of the policy's linear layers, which become ``WatchedLinear``.

    Not usable, and nothing changed, where a parameter belongs to another kind of layer.
    """
    linear = [module for module in policy.modules() if isinstance(module, nn.Linear)]
    for layer in linear:
        if isinstance(layer, WatchedLinear):
            return layer.tape
    owned = {id(parameter) for module in linear for parameter in module.parameters()}
    tape = Tape(all(id(parameter) in owned for parameter in policy.parameters()))
    watched = {layer: WatchedLinear(layer, tape) for layer in linear} if tape.usable else {}
    for parent in list(policy.modules()) if watched else ():
        for name, child in parent.named_children():
            if isinstance(child, nn.Linear):
                setattr(parent, name, watched[child])
    return tape


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
