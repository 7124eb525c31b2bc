"""Which variations a technique trains on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le

Levels = Sequence[Annotated[float, Ge(0), Le(1)]]


def chosen(levels: Sequence[float]) -> tuple[float, ...]:
    """Return the levels in increasing order, each once.

    Raises:
        ValueError: If there is none.
    """
    if not levels:
        raise ValueError("a technique trains on at least one level")
    return tuple(sorted({float(level) for level in levels}))
