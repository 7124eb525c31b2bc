"""Scores of sets of images, by their features or by what a classifier says."""

from __future__ import annotations

import numpy as np


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features.

    ``|mu_x - mu_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))``: 0 for equal means and covariances.

    Args:
        x: (n, d) features.
        y: (m, d) features.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    sx, sy = np.atleast_2d(np.cov(x, rowvar=False)), np.atleast_2d(np.cov(y, rowvar=False))
    values, vectors = np.linalg.eigh(sx)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # S_x S_y has the eigenvalues of the symmetric root S_y root.
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ sy @ root), 0, None)).sum()
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(sx) + np.trace(sy) - 2 * cross)


def psnr(images: np.ndarray, reference: np.ndarray, cap: float = 60.0) -> np.ndarray:
    """Return the peak signal-to-noise ratio (n,) in dB of images (n, C, H, W) in [0, 1], at most ``cap``."""
    error = np.mean(np.square(images.astype(np.float64) - reference), axis=(1, 2, 3))
    return np.minimum(-10 * np.log10(np.maximum(error, 1e-12)), cap)


def ssim(images: np.ndarray, reference: np.ndarray, window: int = 7) -> np.ndarray:
    """Return the structural similarity (n,) of images (n, C, H, W) in [0, 1]: 1 for equal ones.

    Mean over channels and all windows of ``window`` x ``window`` pixels, each counting alike, with sample covariances (Wang
    et al. 2004, in the form of scikit-image's default).
    """
    x, y = images.astype(np.float64), np.asarray(reference, np.float64)
    n = window * window
    mx, my = _box(x, window), _box(y, window)
    unbias = n / (n - 1)
    vx, vy = unbias * (_box(x * x, window) - mx * mx), unbias * (_box(y * y, window) - my * my)
    cov = unbias * (_box(x * y, window) - mx * my)
    c1, c2 = 0.01**2, 0.03**2
    score = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return score.mean(axis=(1, 2, 3))


def _box(x: np.ndarray, window: int) -> np.ndarray:
    """Mean of each window of the last two axes, by differences of cumulative sums."""
    for axis in (-2, -1):
        x = np.moveaxis(x, axis, -1)
        total = np.concatenate([np.zeros((*x.shape[:-1], 1)), np.cumsum(x, axis=-1)], axis=-1)
        x = np.moveaxis((total[..., window:] - total[..., :-window]) / window, -1, axis)
    return x


def inception_score(probabilities: np.ndarray) -> float:
    """Exp of the mean KL divergence of each image's class probabilities from their mean over images (Salimans et al., 2016).

    1 where all images say the same; the number of classes where each is certain and all are equally frequent.

    Args:
        probabilities: (n, classes), rows summing to 1.
    """
    p = np.asarray(probabilities, np.float64)
    ratio = np.divide(p, p.mean(0), out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(1).mean()))
