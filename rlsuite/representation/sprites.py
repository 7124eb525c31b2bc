"""Sprites in a square frame: their motion, and how they are drawn. Positions are (row, column) in [0, 1].

Written from the task sheet "Reward-Induced Representation Learning" (Jain, Lee and Pertsch): the agent is a circle, its
target a square, distractors are triangles; all bounce off the walls, none off each other.
"""

from __future__ import annotations

from functools import cache

import numpy as np

FRAME_SIDE = 64  # pixels of the frame
SIZE, SPEED = 0.2, 0.05  # of a sprite, of the frame; the fastest move of a step along an axis
SHAPES = ("circle", "square", "right", "bottom", "left", "top")  # a triangle is named by where it points
AGENT, TARGET, TRIANGLES = 0, 1, (2, 3, 4, 5)
LARGEST = int(SIZE * FRAME_SIDE)


def move_sprites(
    positions: np.ndarray, velocities: np.ndarray, size: float | np.ndarray = SIZE
) -> tuple[np.ndarray, np.ndarray]:
    """Advance by one step; what would leave [size / 2, 1 - size / 2] is mirrored there, and so is its velocity.

    Args:
        positions: (..., 2).
        velocities: (..., 2) a step, less than the room between the walls.
        size: Of the sprites: a number, or an array that broadcasts against the others.
    """
    low = np.asarray(size) / 2
    ahead = positions + velocities
    inside = np.maximum(ahead, 2 * low - ahead)
    inside = np.minimum(inside, 2 * (1 - low) - inside)
    return inside, np.where(inside == ahead, velocities, -velocities)


def stencil(shape: str, side: int) -> np.ndarray:
    """Return which pixels (side, side) bool of its box a shape covers.

    The circle's radius is a third of the side, the others leave a margin of one pixel.
    """
    rows, columns = np.indices((side, side))
    centre = side // 2
    if shape == "circle":
        return (rows - centre) ** 2 + (columns - centre) ** 2 <= (side / 3) ** 2
    inner = (np.minimum(rows, columns) >= 1) & (np.maximum(rows, columns) <= side - 2)
    if shape == "square":
        return inner
    turns = ("right", "top", "left", "bottom").index(shape)
    points_right = inner & (2 * np.abs(2 * rows - side + 1) <= 2 * (side - 1 - columns))
    return np.rot90(points_right, turns)


@cache
def covered() -> np.ndarray:
    """Return the pixels that sprites cover: flat offsets (LARGEST + 1 sides, shapes, most pixels) from the box's corner.

    Sprites of fewer pixels repeat their first one.
    """
    most = max(int(stencil(shape, LARGEST).sum()) for shape in SHAPES)
    table = np.zeros((LARGEST + 1, len(SHAPES), most), dtype=np.int64)
    for side in range(4, LARGEST + 1):
        for i, shape in enumerate(SHAPES):
            rows, columns = np.nonzero(stencil(shape, side))
            offsets = rows * FRAME_SIDE + columns
            table[side, i] = np.resize(offsets[:1], most)
            table[side, i, : len(offsets)] = offsets
    return table


def draw_sprites(
    positions: np.ndarray,
    shapes: np.ndarray,
    present: np.ndarray,
    size: float | np.ndarray = SIZE,
    channels: int = 1,
) -> np.ndarray:
    """Draw white sprites on black frames; the pixel int(position * 63) is a sprite's centre.

    Args:
        positions: (n, objects, 2).
        shapes: (n, objects), indices into ``SHAPES``.
        present: (n, objects) bool; what is absent is not drawn.
        size: Of the sprites, a number or (n, objects), at most ``SIZE``.
        channels: Of the frames; all but the first stay black.

    Returns:
        (n, channels, 64, 64) uint8, 0 or 255.
    """
    frames = np.zeros((len(positions), channels, FRAME_SIDE, FRAME_SIDE), dtype=np.uint8)
    sides = np.broadcast_to((np.asarray(size) * FRAME_SIDE + 1e-9).astype(np.int64), present.shape)[present]
    corners = (positions[present] * (FRAME_SIDE - 1)).astype(np.int64) - (sides // 2)[:, None]
    corners = np.clip(corners, 0, (FRAME_SIDE - sides)[:, None])
    first = (
        np.nonzero(present)[0] * (channels * FRAME_SIDE * FRAME_SIDE)
        + corners[:, 0] * FRAME_SIDE
        + corners[:, 1]
    )
    frames.reshape(-1)[first[:, None] + covered()[sides, shapes[present]]] = 255
    return frames
