"""What a number or a list may be, as metadata for ``Annotated``: those of ``annotated_types``, and one of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotated_types import BaseMetadata, Ge, Gt, Le, Lt


@dataclass(frozen=True)
class Rising(BaseMetadata):
    """A list of at least ``length`` numbers, each greater than the one before."""

    length: int


def holds(limit: BaseMetadata, value: Any) -> bool:
    """Tell whether ``value`` lies within a limit."""
    match limit:
        case Gt(bound):
            return value > bound
        case Ge(bound):
            return value >= bound
        case Lt(bound):
            return value < bound
        case Le(bound):
            return value <= bound
        case Rising(length):
            return _rises(value, length)
    raise TypeError(f"no limit that can be checked: {limit!r}")


def in_words(limit: BaseMetadata) -> str:
    """Say what a limit asks for, as in "a number > 0"."""
    match limit:
        case Gt(bound):
            return f"> {bound}"
        case Ge(bound):
            return f">= {bound}"
        case Lt(bound):
            return f"< {bound}"
        case Le(bound):
            return f"<= {bound}"
        case Rising(length):
            return f"of {length} or more numbers, each greater than the one before"
    raise TypeError(f"no limit that can be told: {limit!r}")


def _rises(value: Sequence[Any], length: int) -> bool:
    """Tell whether the numbers among ``value`` rise; what is no number is a fault of its own."""
    numbers = [item for item in value if isinstance(item, int | float)]
    return len(value) >= length and numbers == sorted(set(numbers))
