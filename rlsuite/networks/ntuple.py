"""N-tuple networks: the value of a board is a sum of table entries, one for each pattern in each of eight symmetries.

Szubert and Jaskowski, "Temporal difference learning of n-tuple networks for the game 2048" (2014),
https://doi.org/10.1109/CIG.2014.6932907. Step sizes: temporal coherence, Beal and Smith (1999), which Jaskowski,
"Mastering 2048 with delayed temporal coherence learning" (2018), https://arxiv.org/abs/1604.05085, found best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rlsuite.core.packed_boards import pattern_index, symmetries


class NTupleNetwork:
    """Tables of 16^len(pattern) weights, shared by the symmetric places of a pattern; all start at 0.

    Args:
        patterns: cells of each pattern, increasing, row by row from 0 to 15.
    """

    def __init__(self, patterns: Sequence[Sequence[int]]) -> None:
        self.patterns = [tuple(pattern) for pattern in patterns]
        sizes = [16 ** len(pattern) for pattern in self.patterns]
        self.weights = [np.zeros(size, dtype=np.float32) for size in sizes]
        self.errors = [
            np.zeros(size, dtype=np.float32) for size in sizes
        ]  # sum of the errors a weight has seen
        self.sizes = [np.zeros(size, dtype=np.float32) for size in sizes]  # and of their sizes
        self.active = 8 * len(self.patterns)

    def __call__(self, boards: np.ndarray) -> np.ndarray:
        """Return the values (n,) float32 of boards (n,) uint64."""
        images = symmetries(boards)
        total = np.zeros(len(boards), dtype=np.float32)
        for pattern, weights in zip(self.patterns, self.weights, strict=True):
            total += weights[pattern_index(images, pattern)].sum(axis=0)
        return total

    def update(self, boards: np.ndarray, targets: np.ndarray, rate: float) -> np.ndarray:
        """Move the values of boards (n,) towards ``targets`` (n,); return the errors (n,) there were.

        A weight's step is scaled by |sum of its errors| / sum of their sizes, 1 at first: it shrinks where errors cancel.
        Where boards share a weight, the last one alone counts: they learn from each other at the next step.
        """
        images = symmetries(boards)
        places = [pattern_index(images, pattern) for pattern in self.patterns]
        found = [weights[at] for weights, at in zip(self.weights, places, strict=True)]
        error = targets.astype(np.float32) - np.sum([values.sum(axis=0) for values in found], axis=0)
        step, size = error * np.float32(rate / self.active), np.abs(error)
        for i, at in enumerate(places):
            sums, sizes = self.errors[i][at], self.sizes[i][at]
            scale = np.divide(np.abs(sums), sizes, out=np.ones_like(sums), where=sizes > 0)
            self.weights[i][at] = found[i] + scale * step
            self.errors[i][at], self.sizes[i][at] = sums + error, sizes + size
        return error

    def to_tree(self) -> dict[str, np.ndarray]:
        """Return the entries ever learned: places int64 and three float32 arrays a pattern; the rest are 0."""
        tree: dict[str, np.ndarray] = {}
        for i, sizes in enumerate(self.sizes):
            at = np.flatnonzero(sizes)
            tree |= {
                f"places{i}": at,
                f"weights{i}": self.weights[i][at],
                f"errors{i}": self.errors[i][at],
                f"sizes{i}": sizes[at],
            }
        return tree

    def load_tree(self, tree: Mapping[str, np.ndarray]) -> None:
        """Restore what ``to_tree`` returned."""
        for i in range(len(self.patterns)):
            for name, tables in (("weights", self.weights), ("errors", self.errors), ("sizes", self.sizes)):
                table = tables[i]
                table.fill(0)
                table[tree[f"places{i}"]] = tree[f"{name}{i}"]
