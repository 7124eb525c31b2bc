"""Distances of images: by hand and by brute force."""

import numpy as np
import pytest

from rlsuite.metrics import psnr, ssim


def test_psnr_by_hand() -> None:
    reference = np.zeros((2, 1, 2, 2))
    images = np.stack([np.full((1, 2, 2), 0.1), np.zeros((1, 2, 2))])
    assert psnr(images, reference) == pytest.approx(
        [20.0, 60.0]
    )  # 10 log10(1 / .01); equal images hit the cap


def test_ssim_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 2, 9, 10)), rng.random((2, 2, 9, 10))

    def of(a, b):
        means = []
        for i in range(3):
            for j in range(4):
                u, v = a[i : i + 7, j : j + 7].ravel(), b[i : i + 7, j : j + 7].ravel()
                cov = np.cov(u, v)
                top = (2 * u.mean() * v.mean() + 1e-4) * (2 * cov[0, 1] + 9e-4)
                means.append(top / ((u.mean() ** 2 + v.mean() ** 2 + 1e-4) * (cov[0, 0] + cov[1, 1] + 9e-4)))
        return np.mean(means)

    assert ssim(x, y) == pytest.approx([np.mean([of(x[n, c], y[n, c]) for c in range(2)]) for n in range(2)])
    assert ssim(x, x) == pytest.approx([1, 1])
