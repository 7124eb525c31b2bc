"""Many parameter vectors of one network at once: the members of a population, each on its own inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Population:
    """Evaluates ``net`` with every row of ``members`` (P, n) as its parameters, in one call a layer.

    Linear layers are one batched matrix product, convolutions one grouped convolution, anything without
    parameters is applied as it is; ``n`` and the order are those of ``torch.nn.utils.parameters_to_vector``.

    Raises:
        ValueError: If the net holds another kind of layer with parameters.
    """

    def __init__(self, net: nn.Sequential, members: Tensor) -> None:
        self.size, start = len(members), 0
        self.layers: list[Callable[[Tensor], Tensor]] = []
        for module in net:
            shapes = [parameter.shape for parameter in module.parameters()]
            arrays = []
            for shape in shapes:
                arrays.append(members[:, start : start + shape.numel()].reshape(self.size, *shape))
                start += shape.numel()
            self.layers.append(_layer(module, arrays))

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map inputs (P, E, ...), E for each member, to outputs (P, E, ...)."""
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


def _layer(module: nn.Module, arrays: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Return what one layer does to (P, E, ...)."""
    if not arrays:
        return lambda x: module(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    if isinstance(module, nn.Linear):
        weight, bias = arrays[0].mT.contiguous(), arrays[1][:, None]
        return lambda x: torch.baddbmm(bias, x, weight)
    if isinstance(module, nn.Conv2d) and module.groups == 1:
        return _convolution(module, *arrays)
    raise ValueError(f"a population evaluates linear and plain convolution layers, not {module}")


def _convolution(module: nn.Conv2d, weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    members = len(weight)
    kernels, offsets = weight.flatten(0, 1), bias.flatten()

    def convolve(x: Tensor) -> Tensor:
        stacked = x.transpose(0, 1).flatten(1, 2)  # (E, P * channels, H, W): a member is a group
        out = F.conv2d(stacked, kernels, offsets, module.stride, module.padding, groups=members)
        return out.unflatten(1, (members, -1)).transpose(0, 1)

    return convolve
