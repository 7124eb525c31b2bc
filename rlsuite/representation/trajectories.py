"""Random sequences of moving sprites with their rewards: the data that encoders are pre-trained on.

Only the first frames of a sequence are drawn; later rewards are computed from positions, at a tenth of the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from rlsuite.representation import sprites

REWARDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "agent_x": lambda p: p[..., sprites.AGENT, 1],
    "agent_y": lambda p: p[..., sprites.AGENT, 0],
    "target_x": lambda p: p[..., sprites.TARGET, 1],
    "target_y": lambda p: p[..., sprites.TARGET, 0],
    "horizontal": lambda p: p[..., sprites.AGENT, 1],
    "vertical": lambda p: p[..., sprites.AGENT, 0],
    "follow": lambda p: (
        1 - np.linalg.norm(p[..., sprites.AGENT, :] - p[..., sprites.TARGET, :], axis=-1) / 2**0.5
    ),
}
"""Rewards of positions (..., objects, 2): x is the column, y the row. The exercise's starter code has index 1 under *vertical*
and 0 under *horizontal*, the wrong way round; here the names are right."""


class SpriteSequences(NamedTuple):
    """``n`` sequences: pictures (n, frames, 64, 64) uint8, rewards of the steps after them (n, steps, rewards) float32."""

    pictures: np.ndarray
    rewards: np.ndarray
    positions: np.ndarray  # (n, frames + steps, objects, 2)


def trajectories(
    rng: np.random.Generator, distractors: np.ndarray, frames: int, steps: int, rewards: Sequence[str]
) -> SpriteSequences:
    """Draw sequences in which all sprites, the agent too, fly straight and bounce.

    Args:
        rng: Decides where and how fast they start, and which triangles there are.
        distractors: (n,) how many each sequence has.
        frames: Pictures of each.
        steps: Steps after them, whose rewards are to be predicted.
        rewards: Names in ``REWARDS``.
    """
    n, objects = len(distractors), 2 + int(np.max(distractors, initial=0))
    position = rng.uniform(sprites.SIZE / 2, 1 - sprites.SIZE / 2, (n, objects, 2))
    velocity = rng.uniform(-sprites.SPEED, sprites.SPEED, (n, objects, 2))
    shapes = rng.integers(sprites.TRIANGLES[0], sprites.TRIANGLES[-1] + 1, (n, objects))
    shapes[:, :2] = sprites.AGENT, sprites.TARGET
    places = []
    for _ in range(frames + steps):
        position, velocity = sprites.move_sprites(position, velocity)
        places.append(position)
    positions = np.stack(places, axis=1)
    present = np.arange(objects) < 2 + distractors[:, None]
    pictures = sprites.draw_sprites(
        positions[:, :frames].reshape(-1, objects, 2),
        np.repeat(shapes, frames, axis=0),
        np.repeat(present, frames, axis=0),
    )
    paid = np.stack([REWARDS[name](positions[:, frames:]) for name in rewards], axis=-1)
    return SpriteSequences(
        pictures.reshape(n, frames, sprites.FRAME_SIDE, sprites.FRAME_SIDE),
        paid.astype(np.float32),
        positions,
    )
