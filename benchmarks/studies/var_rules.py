"""A rule for env=var in the manner of SkipVAR: is the last scale worth its cost, by what the pictures so far look like.

Li et al., "SkipVAR: Accelerating visual autoregressive modeling via adaptive frequency-aware skipping" (2025),
https://arxiv.org/abs/2506.08908: a logistic regression on high-frequency features of the previews of two scales, with the most
aggressive option that still keeps a similarity as the label.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rlsuite.envs.var.actions import CATEGORIES

SKIP = len(CATEGORIES) - 1


def sharp_features(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """High-frequency features (n, 66) of the previews (n, 1, H, W) of two scales.

    Where edges changed between them, on an 8x8 grid; the share of the spectrum's energy beyond a quarter of the sampling
    rate; and the energy that was added.
    """

    def edges(x: np.ndarray) -> np.ndarray:
        p = np.pad(x[:, 0], ((0, 0), (1, 1), (1, 1)), mode="edge")
        down = (
            p[:, 2:, :-2]
            + 2 * p[:, 2:, 1:-1]
            + p[:, 2:, 2:]
            - p[:, :-2, :-2]
            - 2 * p[:, :-2, 1:-1]
            - p[:, :-2, 2:]
        )
        right = (
            p[:, :-2, 2:]
            + 2 * p[:, 1:-1, 2:]
            + p[:, 2:, 2:]
            - p[:, :-2, :-2]
            - 2 * p[:, 1:-1, :-2]
            - p[:, 2:, :-2]
        )
        return np.hypot(down, right)

    n, side = len(now), now.shape[-1]
    grid = (
        np.abs(edges(now) - edges(before)).reshape(n, 8, side // 8, 8, side // 8).mean((2, 4)).reshape(n, -1)
    )
    spectrum = np.abs(np.fft.fft2(now[:, 0])) ** 2
    frequency = np.abs(np.fft.fftfreq(side))
    high = np.maximum(frequency[:, None], frequency[None]) > 0.25
    share = spectrum[:, high].sum(1) / np.maximum(spectrum.sum((1, 2)), 1e-12)
    return np.column_stack([grid, share, np.square(now - before).mean((1, 2, 3))])


class SkipRule:
    """Keeps 6x6 whole; skips 8x8 where the rule says that the picture will stay close enough.

    Args:
        task: env=var with categorical actions and ``decide_from=6``.
        seed: of the images it is fitted on.
        images: how many.
        targets: PSNR in dB that a skipped picture should keep; the one of the best mean return is taken.
    """

    def __init__(self, task: Any, seed: int, images: int, targets: np.ndarray) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.task, self.action_space = task, task.actions.space
        env = task.vec_env([0.0], min(128, images), seed)
        features, psnr, gains = [], [], []
        observation = env.reset()
        for _ in range(-(-images // env.num_envs)):
            before = observation
            keep = np.zeros(env.num_envs, dtype=np.int64)
            observation, first, _, _ = env.step(keep)
            features.append(self.features(before, observation))
            observation, rewards, _, infos = env.step(keep + SKIP)
            psnr.append([info["metrics"]["psnr"] for info in infos])
            gains.append(first + rewards)
        x, y, gain = np.concatenate(features), np.concatenate(psnr), np.concatenate(gains)
        self.model, best = None, 0.0  # keeping everything has the return 0
        for target in targets:
            label = y >= target
            if label.all() or not label.any():
                continue
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(x, label)
            value = float(np.mean(gain * model.predict(x)))
            if value > best:
                self.model, best, self.target = model, value, float(target)

    def features(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Features of the previews that two observations hold."""
        decode = self.task.generator.decode
        return sharp_features(*(decode(torch.from_numpy(x[:, :-1])).numpy() for x in (before, now)))

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ):
        """Return actions, and the observation as the state of the next decision."""
        if episode_start is None or np.all(episode_start):
            return np.zeros(len(observation), dtype=np.int64), observation
        if self.model is None:
            return np.zeros(len(observation), dtype=np.int64), None
        return self.model.predict(self.features(state, observation)) * SKIP, None
