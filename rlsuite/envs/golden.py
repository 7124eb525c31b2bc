"""Which images are generated, and their unpruned ("golden") versions, computed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rlsuite.contracts import Generator

BLOCK = 32  # conditions computed together: always the same batch, so that a resumed run gets the same bits


@dataclass(frozen=True)
class Conditions:
    """Images to generate: labels (n,), seeds (n,), guidance weights (n,)."""

    labels: np.ndarray
    seeds: np.ndarray
    cfg: np.ndarray

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a generator begins with."""
        return torch.as_tensor(self.labels), torch.as_tensor(self.seeds), torch.as_tensor(self.cfg)


class ConditionPool:
    """At least ``size`` conditions for each (seed, level); each is a pure function of these and its index."""

    def __init__(self, size: int, n_classes: int, unseen: Sequence[int]) -> None:
        self.size = -(-size // BLOCK) * BLOCK
        self.unseen = np.array(sorted(unseen))
        self.seen = np.array([c for c in range(n_classes) if c not in set(unseen)])

    def block(self, seed: int, block: int, share_unseen: float, cfg: float) -> Conditions:
        """Return the ``BLOCK`` conditions of one block."""
        rng = np.random.default_rng([seed, block])
        unseen = rng.random(BLOCK) < share_unseen
        labels = np.where(unseen, rng.choice(self.unseen, BLOCK), rng.choice(self.seen, BLOCK))
        return Conditions(labels, rng.integers(2**31, size=BLOCK), np.full(BLOCK, cfg, dtype=np.float32))


class GoldenImages:
    """Unpruned images (n_scales, C, H, W) float32 of each condition; the most recently used ``size`` blocks stay."""

    def __init__(self, generator: Generator, size: int = 256) -> None:
        self.generator, self.size = generator, size
        self._blocks: OrderedDict[tuple, np.ndarray] = OrderedDict()

    def block(self, key: tuple, conditions: Conditions) -> np.ndarray:
        """Return the images (n, n_scales, C, H, W) of a block of conditions, computing them on first use."""
        if key not in self._blocks:
            self._blocks[key] = self._generate(conditions)
            while len(self._blocks) > self.size:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _generate(self, conditions: Conditions) -> np.ndarray:
        state = self.generator.begin(*conditions.tensors())
        images = []
        while not state.done:
            state = self.generator.step(state, 0.0)
            images.append(self.generator.decode(state).cpu().numpy())
        return np.stack(images, axis=1)


def psnr(images: np.ndarray, golden: np.ndarray, cap: float = 60.0) -> np.ndarray:
    """Return the peak signal-to-noise ratio (n,) in dB of images (n, C, H, W) in [0, 1], at most ``cap``."""
    error = np.mean(np.square(images.astype(np.float64) - golden), axis=(1, 2, 3))
    return np.minimum(-10 * np.log10(np.maximum(error, 1e-12)), cap)
