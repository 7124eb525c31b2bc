"""What an episode of a scale-by-scale generator is: its shape, and what can be decided at a step beside the pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from rlsuite.generators.common.resizing import Side

Values = Tensor | Sequence[float] | float
"""One number, or one a sample (B,)."""


@dataclass(frozen=True)
class Control:
    """How a scale is drawn, beside its pruning; each one number, or one a sample (B,).

    Attributes:
        guidance: factor on the guidance weight.
        temperature: what the guided logits are divided by.
        conditional: at least 1/2: the unconditional half is left out from this scale on, with its cost and its guidance.
    """

    guidance: Values = 1.0
    temperature: Values = 1.0
    conditional: Values = 0.0


@dataclass(frozen=True)
class Shape:
    """What the episodes of a generator look like.

    Attributes:
        sides: height and width of each scale in tokens.
        code_shape: shape of what is drawn for one token: () for a code, (bits,) for bits.
        channels: channels of the running sum.
        head_shape: heads and their width, of the keys and values.
        depth: blocks.
    """

    sides: tuple[Side, ...]
    code_shape: tuple[int, ...]
    channels: int
    head_shape: tuple[int, int]
    depth: int

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each scale."""
        return tuple(h * w for h, w in self.sides)
