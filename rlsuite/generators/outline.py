"""What a generator is before its weights are loaded: enough to refuse a setting that it cannot serve."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rlsuite.contracts import complaint
from rlsuite.generators.fastvar import FastVAR, pairs
from rlsuite.generators.loading import WeightsError

Loader = TypeVar("Loader", bound=Callable[..., Any])


@dataclass(frozen=True)
class ScaleOutline:
    """A next-scale generator; attributes as of a ``Stepper``."""

    num_classes: int
    sides: tuple[int, ...]
    hand_schedule: list[float]

    @classmethod
    def of(
        cls,
        folder: Path,
        num_classes: int,
        sides: Sequence[int],
        depth: int,
        *,
        cache_side: int,
        first_layer: int,
        last_layer: int | None,
        pruned_sides: list[int] | None,
        pruned_ratios: list[float] | None,
        **others: object,
    ) -> ScaleOutline:
        """Outline the model of a folder by its scales, its ``depth`` blocks and the settings of its loader.

        Raises:
            WeightsError: the pruning settings do not fit it.
        """
        try:
            fast = FastVAR(cache_side, first_layer, last_layer, schedule=pairs(pruned_sides, pruned_ratios))
            fast.layers(depth)
            fast.cache_scale(sides)
            return cls(num_classes, tuple(sides), fast.ratios(sides))
        except ValueError as e:
            raise WeightsError(f"{folder}: {e}") from e

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.sides)


@dataclass(frozen=True)
class OrderOutline:
    """A random-order generator; attributes as of a ``RandomOrder``."""

    num_classes: int
    positions: int


def outlined(outline: Callable[..., Any]) -> Callable[[Loader], Loader]:
    """Let a loader say by ``load.outline(**yaml)`` what it would load, and by ``load.missing(**yaml)`` what it would not find.

    Args:
        outline: takes all that the loader takes, and loads no weights; raises a UserError where the loader would.
    """

    def mark(load: Loader) -> Loader:
        def told(**config: Any) -> Any:
            given = inspect.signature(load).bind(**config)
            given.apply_defaults()
            return outline(**given.arguments)

        def missing(**config: Any) -> Iterator[str]:
            return complaint(lambda: told(**config))

        vars(load).update(outline=told, missing=missing)
        return load

    return mark
