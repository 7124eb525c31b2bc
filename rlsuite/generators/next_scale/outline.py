"""What a next-scale generator is before its weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsuite.generators.common.loading import WeightsError
from rlsuite.generators.next_scale.pruning import PruningSettings, pairs


@dataclass(frozen=True)
class ScaleOutline:
    """A next-scale generator; attributes as of a ``Stepper``."""

    num_classes: int
    sides: tuple[int, ...]
    fixed_schedule: list[float]

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
            fast = PruningSettings(
                cache_side, first_layer, last_layer, schedule=pairs(pruned_sides, pruned_ratios)
            )
            fast.layers(depth)
            fast.cache_scale(sides)
            return cls(num_classes, tuple(sides), fast.ratios(sides))
        except ValueError as e:
            raise WeightsError(f"{folder}: {e}") from e

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.sides)
