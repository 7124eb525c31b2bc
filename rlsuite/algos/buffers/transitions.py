"""Every real step so far, as tensors, for a model that learns from single steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlsuite.core.interfaces import Tree


class Steps(NamedTuple):
    """Steps (..., n), (..., a), (..., n), (...), (...): what was seen, done, seen then, rewarded, and whether that was the end."""

    observations: Tensor
    actions: Tensor
    following: Tensor
    rewards: Tensor
    terminated: Tensor


class Transitions:
    """Steps in the order they came; storage doubles when it is full."""

    def __init__(self, observation: int, action: int, device: torch.device | str) -> None:
        self.device, self.count = device, 0
        shapes = ((observation,), (action,), (observation,), (), ())
        kinds = (torch.float32,) * 4 + (torch.bool,)
        self.columns = [
            torch.zeros(1024, *s, dtype=k, device=device) for s, k in zip(shapes, kinds, strict=True)
        ]

    def add(self, *step: np.ndarray) -> None:
        """Append a step of each of n envs: arrays in the order of ``Steps``, (n, ...)."""
        n = len(step[0])
        if self.count + n > len(self.columns[0]):
            self.columns = [torch.cat([column, torch.zeros_like(column)]) for column in self.columns]
        for column, values in zip(self.columns, step, strict=True):
            column[self.count : self.count + n] = torch.as_tensor(np.asarray(values), device=self.device)
        self.count += n

    def everything(self) -> Steps:
        """Return all steps."""
        return Steps(*(column[: self.count] for column in self.columns))

    def newest(self, count: int) -> Steps:
        """Return the last ``count`` steps."""
        return Steps(*(column[max(0, self.count - count) : self.count] for column in self.columns))

    def sample(self, *shape: int) -> Steps:
        """Return steps (shape, ...) drawn with replacement by torch's global stream."""
        rows = torch.randint(self.count, shape, device=self.device)
        return Steps(*(column[rows] for column in self.columns))

    def starts(self, n: int) -> Tensor:
        """Return ``n`` observations that were really seen before a step."""
        return self.columns[0][torch.randint(self.count, (n,), device=self.device)]

    def get_state(self) -> Tree:
        """Return all steps."""
        return {"columns": [column.clone() for column in self.everything()]}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.count = 0
        self.add(*(column.cpu().numpy() for column in state["columns"]))
