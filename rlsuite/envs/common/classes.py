"""Classes of images: which model tells them, and which of a generator's are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from rlsuite.core.errors import UserError

Classifier = Callable[[torch.Tensor], torch.Tensor]
"""Images (n, C, H, W) in [-1, 1] to class logits."""


def split_classes(n_classes: int, unseen: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes to be seen and those held out, both int64 in order.

    Raises:
        UserError: an unseen class that is none, or no class left to be seen.
    """
    every, held = np.arange(n_classes), np.array(sorted(set(unseen)), dtype=np.int64)
    seen = np.setdiff1d(every, held)
    if not len(seen) or not np.isin(held, every).all():
        raise UserError(
            f"env.unseen_classes={list(unseen)}: the generator's classes are 0 to {n_classes - 1}, "
            "and at least one must be left to be seen"
        )
    return seen, held
