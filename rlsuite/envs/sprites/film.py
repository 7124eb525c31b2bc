"""An episode as a film: the frames an agent meets, and under each what its critic holds it to be worth, live."""

from __future__ import annotations

import numpy as np

from rlsuite.core.interfaces import Agent
from rlsuite.envs.common.vec_env import BatchedVecEnv

ZOOM, BAND = 3, 64  # screen pixels of a picture's; height of the band with the critic's curve
FOUND, HELD, TEXT = (120, 120, 120), (255, 200, 0), (230, 230, 230)


def film(envs: BatchedVecEnv, agent: Agent, steps: int) -> np.ndarray:
    """Play the greedy policy for ``steps`` steps, an env beside the other; return frames (steps, H, W, 3) uint8.

    Under each frame stand the critic's value so far (bright) and the discounted reward that came (grey), the latter where
    the agent tells its ``gamma`` and no value where it has no critic.
    """
    pictures, values, rewards = record(envs, agent, steps)
    returns = discounted(rewards, agent.gamma)
    top = (
        float(np.nanmax([np.nanmax(returns), np.nanmax(values) if np.isfinite(values).any() else 0.0])) or 1.0
    )
    return np.stack(
        [
            frame(pictures[t], values[: t + 1], returns[: t + 1], rewards[: t + 1], top, steps)
            for t in range(steps)
        ]
    )


def record(envs: BatchedVecEnv, agent: Agent, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures (steps, n, 64, 64) uint8, the critic's values and the rewards, (steps, n); nan without a critic."""
    observations, starts, state = envs.reset(), np.ones(envs.num_envs, dtype=bool), None
    pictures, values, rewards = [], [], []
    for _ in range(steps):
        pictures.append(envs.pictures()[:, 0])
        found = agent.values(observations)
        values.append(np.full(len(observations), np.nan) if found is None else found)
        actions, state = agent.predict(observations, state, starts, True)
        observations, reward, starts, _ = envs.step(actions)
        rewards.append(reward)
    return np.stack(pictures), np.stack(values), np.stack(rewards)


def discounted(rewards: np.ndarray, gamma: float) -> np.ndarray:
    """Return what is still to come, (steps, n), of rewards (steps, n)."""
    found = np.zeros_like(rewards)
    for t in range(len(rewards) - 1, -1, -1):
        found[t] = rewards[t] + (gamma * found[t + 1] if t + 1 < len(rewards) else 0)
    return found


def frame(
    pictures: np.ndarray, values: np.ndarray, returns: np.ndarray, rewards: np.ndarray, top: float, steps: int
) -> np.ndarray:
    """Draw one moment of all envs: pictures (n, 64, 64), the rest (steps so far, n)."""
    from PIL import Image, ImageDraw

    side = pictures.shape[1] * ZOOM
    canvas = Image.new("RGB", (side * len(pictures) + len(pictures) - 1, side + BAND))
    pen = ImageDraw.Draw(canvas)
    for i, picture in enumerate(pictures):
        left = i * (side + 1)
        canvas.paste(Image.fromarray(np.repeat(np.repeat(picture, ZOOM, 0), ZOOM, 1)), (left, 0))
        pen.rectangle((left, 0, left + side - 1, side - 1), outline=(60, 60, 60))
        for curve, colour in ((returns[:, i], FOUND), (values[:, i], HELD)):
            x = left + np.arange(len(curve)) * (side - 1) / max(steps - 1, 1)
            y = side + BAND - 2 - np.clip(curve / top, 0, 1) * (BAND - 16)
            if np.isfinite(curve).all() and len(curve) > 1:
                pen.line([*zip(x.tolist(), y.tolist(), strict=True)], fill=colour, width=2)
        value = f"V {values[-1, i]:.2f}  " if np.isfinite(values[-1, i]) else ""
        pen.text((left + 3, side + 1), f"{value}return {rewards[:, i].sum():.1f}", fill=TEXT)
    return np.asarray(canvas)
