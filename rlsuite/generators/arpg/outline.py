"""What a random-order generator is before its weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrderOutline:
    """A random-order generator; attributes as of a ``RandomOrder``."""

    num_classes: int
    positions: int
