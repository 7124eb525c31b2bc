"""Transitions as envs of each kind make them, for rewards by hand-computed numbers."""

import numpy as np
import torch

from rlsuite.core.interfaces import Transition

CELLS = [1, 2, 3, 3, 3, 1, 2, 0, 0, 0, 0, 0, 5, 4, 4, 1]  # rows: rising, neither, flat, falling
FLAT = np.full((3, 1, 4, 4), 0.5, dtype=np.float32)


def board(gain: int = 0, illegal: bool = False) -> Transition:
    """A move of one board of 2048 that leaves ``CELLS``."""
    info = {
        "gain": np.array([gain]),
        "illegal": np.array([illegal]),
        "cells": np.array([CELLS], dtype=np.uint8),
    }
    return Transition(info["gain"], info["illegal"], info)


def scale(
    psnr,
    total,
    ratio=0.5,
    flops_scale=0.4,
    previous_psnr=np.inf,
    previous_total=0.0,
    last=False,
    recognised=np.nan,
) -> Transition:
    """One scale of one image; the action was ``ratio``."""
    values = {
        "psnr": psnr,
        "previous_psnr": previous_psnr,
        "ratio": ratio,
        "flops_scale": flops_scale,
        "flops_total": total,
        "previous_flops_total": previous_total,
        "ratio_total": ratio / 2,
        "previous_ratio_total": 0.0,
        "last": last,
        "recognised": recognised,
    }
    info = {key: np.array([value]) for key, value in values.items()}
    return Transition(info["ratio"], info["last"], info)


def images(pixels: np.ndarray, last: list[bool], labels: list[int], steps: list[int]) -> Transition:
    """Images of which those with ``last`` are finished, after ``steps`` steps."""
    info = {"images": pixels, "last": np.array(last), "labels": np.array(labels), "steps": np.array(steps)}
    return Transition(np.zeros(len(last)), info["last"], info)


def three() -> Transition:
    """Two finished images, of classes 6 and 3, and one between them that is not."""
    return images(FLAT, [True, False, True], [6, 6, 3], [10, 2, 4])


class Tenths:
    """A scorer that gives each class its tenth."""

    def score(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return labels / 10


def bright(images: np.ndarray, labels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """A custom reward: the mean brightness."""
    return images.mean(axis=(1, 2, 3)) + 0 * labels * steps
