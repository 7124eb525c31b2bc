"""A frozen encoder: images in, features out, no gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rlsuite.representation.loading import load_encoder


class FrozenEncoder:
    """Pictures (n, 1, 64, 64) uint8 of 0-255 -> (n, ``features_dim``) float32, by an encoder of ``load_encoder``."""

    def __init__(self, path: str | Path) -> None:
        self.module = load_encoder(path).requires_grad_(False).eval()
        self.features_dim = self.module.features_dim

    @torch.no_grad()
    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Encode each picture by itself."""
        return self.module(torch.from_numpy(pictures).float().div_(255)).numpy()
