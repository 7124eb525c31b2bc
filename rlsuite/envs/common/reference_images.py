"""Which images are generated, and their unpruned ("reference") versions, computed once and kept, also on disk."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rlsuite.core.interfaces import Generator
from rlsuite.envs.common.classes import split_classes

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
        self.seen, self.unseen = split_classes(n_classes, unseen)

    def block(self, seed: int, block: int, share_unseen: float, cfg: float) -> Conditions:
        """Return the ``BLOCK`` conditions of one block."""
        rng = np.random.default_rng([seed, block])
        unseen = rng.random(BLOCK) < share_unseen
        held = self.unseen if len(self.unseen) else self.seen  # none held out: every level draws the same
        labels = np.where(unseen, rng.choice(held, BLOCK), rng.choice(self.seen, BLOCK))
        return Conditions(labels, rng.integers(2**31, size=BLOCK), np.full(BLOCK, cfg, dtype=np.float32))


class ReferenceImages:
    """Unpruned images (n_scales, C, H, W) float32 of each condition; the most recently used ``size`` blocks stay in memory.

    Args:
        generator: makes them; its ``fingerprint()`` tells generators apart on disk.
        size: blocks kept in memory.
        folder: where blocks are kept on disk as well, for all runs that use it; None: nowhere.
        limit_gb: 10^9 bytes that the folder may hold; the blocks used longest ago go first.
    """

    def __init__(
        self, generator: Generator, size: int = 256, folder: str | None = None, limit_gb: float = 1.0
    ) -> None:
        self.generator, self.size, self.limit = generator, size, limit_gb * 1e9
        self.folder = None if folder is None else Path(folder)
        self._blocks: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._fingerprint: str | None = None

    def block(self, key: tuple, conditions: Conditions) -> np.ndarray:
        """Return the images (n, n_scales, C, H, W) of a block of conditions, computing them on first use."""
        if key not in self._blocks:
            self._blocks[key] = self._found(conditions)
            while len(self._blocks) > self.size:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _found(self, conditions: Conditions) -> np.ndarray:
        if self.folder is None:
            return self._generate(conditions)
        path = self.folder / f"{self._name(conditions)}.npy"
        try:
            images = np.load(path)
            os.utime(path)
            return images
        except (OSError, ValueError, EOFError):  # not there, or damaged: made anew
            images = self._generate(conditions)
        self._keep(path, images)
        return images

    def _name(self, conditions: Conditions) -> str:
        """A name that only the same images of the same generator have."""
        if self._fingerprint is None:
            self._fingerprint = self.generator.fingerprint()  # type: ignore[attr-defined]
        parts = (conditions.labels, conditions.seeds, conditions.cfg)
        text = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
        return hashlib.sha256(self._fingerprint.encode() + text).hexdigest()[:32]

    def _keep(self, path: Path, images: np.ndarray) -> None:
        """Write a block, atomically, and make room for it; a disk that is full is no reason to stop."""
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                np.save(file, images)
            temporary.replace(path)
            self._make_room()
        except OSError:
            temporary.unlink(missing_ok=True)

    def _make_room(self) -> None:
        assert self.folder is not None
        files = sorted((f.stat().st_mtime, f.stat().st_size, f) for f in self.folder.glob("*.npy"))
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            if total <= self.limit:
                break
            file.unlink(missing_ok=True)
            total -= size

    def _generate(self, conditions: Conditions) -> np.ndarray:
        state = self.generator.begin(*conditions.tensors())
        images = []
        while not state.done:
            state = self.generator.step(state, 0.0)
            images.append(self.generator.decode(state).cpu().numpy())
        return np.stack(images, axis=1)
