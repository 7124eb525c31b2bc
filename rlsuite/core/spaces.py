"""What spaces mean to the suite."""

from __future__ import annotations

from gymnasium import spaces

SMALLEST_PICTURE = 36
"""Pixels a side that networks for pictures need; what is smaller is a map, or a vector."""


def is_picture(space: spaces.Space, channels_first: bool) -> bool:
    """Tell whether a space holds pictures of 0-255, (C, H, W) uint8 or, with the channels last, (H, W, C)."""
    return (
        isinstance(space, spaces.Box)
        and space.dtype == "uint8"
        and len(space.shape) == 3
        and min(space.shape[1:] if channels_first else space.shape[:2]) >= SMALLEST_PICTURE
        and bool((space.high == 255).all())
    )
