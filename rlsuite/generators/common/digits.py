"""scikit-learn's bundled handwritten digits at 32x32: the data every preset is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

DIGITS_SIDE = 32
NORM_GROUPS = 4  # of the group norms of the digits' tokenizers: their narrowest level has 8 channels
HELD_OUT_DIGITS = 450  # of 1797; which ones is fixed below and never depends on a run's seed


@dataclass(frozen=True)
class Digits:
    """Images (N, 1, 32, 32) in [-1, 1] and labels (N,) int64, in a fixed split."""

    train: Tensor
    train_labels: Tensor
    held_out: Tensor
    held_out_labels: Tensor


def load_digits() -> Digits:
    """The 1797 digits of the UCI optical-recognition set that ship with scikit-learn (nothing is downloaded)."""
    from sklearn.datasets import load_digits as bundled

    data = bundled()
    small = torch.from_numpy(data.images.astype(np.float32))[:, None] / 16
    images = (
        F.interpolate(small, size=(DIGITS_SIDE, DIGITS_SIDE), mode="bilinear", align_corners=False) * 2 - 1
    )
    labels = torch.from_numpy(data.target.astype(np.int64))
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(labels)))
    test, train = order[:HELD_OUT_DIGITS], order[HELD_OUT_DIGITS:]
    return Digits(images[train], labels[train], images[test], labels[test])


def augment(images: Tensor, generator: torch.Generator, amount: float = 1.0) -> Tensor:
    """Small random rotations, scalings, shears and shifts, so that no image is seen twice.

    Args:
        images: (B, 1, S, S) in [-1, 1]; what comes in from outside is background (-1).
        generator: where the random numbers come from.
        amount: 1 = up to about 6 degrees, 6 % in size, 1 pixel.
    """
    n = len(images)
    angle, log_x, log_y, shear, dx, dy = ((torch.rand(6, n, generator=generator) * 2 - 1) * amount).unbind(0)
    angle, sx, sy, shear = angle * 0.1, (log_x * 0.06).exp(), (log_y * 0.06).exp(), shear * 0.08
    cos, sin = angle.cos(), angle.sin()
    top = torch.stack((cos * sx, -sin * sy + shear, dx * 2 / DIGITS_SIDE), 1)
    bottom = torch.stack((sin * sx, cos * sy, dy * 2 / DIGITS_SIDE), 1)
    grid = F.affine_grid(torch.stack((top, bottom), 1), list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, grid, mode="bilinear", align_corners=False) - 1
