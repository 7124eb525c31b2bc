"""A replay buffer that keeps the order of steps, for models that learn from sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlsuite.core.interfaces import Tree


class Sequences(NamedTuple):
    """B pieces of T steps.

    ``observations`` (B, T, ...) before each step, ``actions`` (B, T, A), ``previous`` (B, T, A) the actions before them, zeros at
    an episode's start, ``rewards``, ``starts``, ``terminated``, ``ended`` (B, T).
    """

    observations: Tensor
    actions: Tensor
    previous: Tensor
    rewards: Tensor
    starts: Tensor
    terminated: Tensor
    ended: Tensor


class SequenceReplay:
    """The last ``rows`` steps of ``n`` envs, in the order they happened."""

    KINDS = ("rewards", "starts", "terminated", "ended")

    def __init__(
        self, rows: int, n: int, observation: tuple[int, ...], dtype: np.dtype, action_dim: int
    ) -> None:
        self.rows, self.n, self.written = rows, n, 0
        self.arrays = {
            "observations": np.zeros((rows, n, *observation), dtype),
            "actions": np.zeros((rows, n, action_dim), np.float32),
            "previous": np.zeros((rows, n, action_dim), np.float32),
            "rewards": np.zeros((rows, n), np.float32),
            **{name: np.zeros((rows, n), bool) for name in self.KINDS[1:]},
        }

    def __len__(self) -> int:
        return min(self.written, self.rows)

    def add(self, **step: np.ndarray) -> None:
        """Append one step of every env: ``observations``, ``actions``, ``previous``, ``rewards``, ``starts``, ..."""
        row = self.written % self.rows
        for name, array in self.arrays.items():
            array[row] = step[name]
        self.written += 1

    def sample(self, batch: int, length: int, device: torch.device | str) -> Sequences:
        """Return ``batch`` pieces of at most ``length`` steps, starting anywhere, drawn by numpy's global generator."""
        length = min(length, len(self))
        first = self.written - len(self)
        begin = first + np.random.randint(len(self) - length + 1, size=batch)
        return self._take(begin[:, None] + np.arange(length), np.random.randint(self.n, size=batch), device)

    def last(self, length: int, device: torch.device | str) -> Sequences:
        """Return the last steps of every env, at most ``length``."""
        length = min(length, len(self))
        steps = np.arange(self.written - length, self.written)
        return self._take(np.tile(steps, (self.n, 1)), np.arange(self.n), device)

    def pieces(self, length: int) -> Sequences:
        """Return all that is kept, cut into pieces of ``length`` steps."""
        first = np.arange(self.written - len(self), self.written - length + 1, length)
        steps = (first[:, None] + np.arange(length)).repeat(self.n, axis=0)
        return self._take(steps, np.tile(np.arange(self.n), len(first)), "cpu")

    def _take(self, steps: np.ndarray, envs: np.ndarray, device: torch.device | str) -> Sequences:
        chosen = (steps % self.rows, envs[:, None])
        return Sequences(
            **{name: torch.as_tensor(array[chosen], device=device) for name, array in self.arrays.items()}
        )

    def get_state(self) -> Tree:
        """Return what is kept."""
        filled = slice(0, len(self))
        return {
            "written": self.written,
            "arrays": {name: array[filled].copy() for name, array in self.arrays.items()},
        }

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.written = state["written"]
        for name, array in state["arrays"].items():
            self.arrays[name][: len(array)] = array
