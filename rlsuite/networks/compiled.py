"""How networks are computed: compiled layers and cuDNN's choice of algorithms. Both change results, so both are settings."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn


def compile_layers(module: nn.Module) -> int:
    """Compile every outermost ``nn.Sequential`` of ``module`` in place; names, pickling and parameters stay as they are.

    The first calls take the compiler's time, seconds to minutes; rounding may differ from the eager layers'.

    Returns:
        How many were compiled.
    """
    stacks = list(_outermost(module))
    for stack in stacks:
        stack.compile()
    return len(stacks)


def _outermost(module: nn.Module) -> Iterator[nn.Sequential]:
    if isinstance(module, nn.Sequential):
        if len(module):
            yield module
        return
    for child in module.children():
        yield from _outermost(child)


def use_deterministic_cudnn(deterministic: bool) -> None:
    """Let cuDNN use only algorithms that repeat themselves bit for bit, or also time all and take the fastest.

    A setting of the process; without CUDA it has no effect.
    """
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, not deterministic
