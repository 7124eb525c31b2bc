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


def inception_score(probabilities: np.ndarray) -> float:
    """Exp of the mean KL divergence of each image's class probabilities from their mean over images (Salimans et al., 2016).

    1 where all images say the same; the number of classes where each is certain and all are equally frequent.

    Args:
        probabilities: (n, classes), rows summing to 1.
    """
    p = np.asarray(probabilities, np.float64)
    ratio = np.divide(p, p.mean(0), out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(1).mean()))
