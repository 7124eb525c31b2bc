"""A finished image's recognisability gates its speed: few steps count only as far as the picture shows its class."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsuite.core.errors import UserError, complaint
from rlsuite.core.interfaces import NO_USE, Use
from rlsuite.rewards.finished import FinishedImage


@dataclass(kw_only=True)
class GatedImage(FinishedImage):
    """R = gate x efficiency, gate = clip((CLIP score - lo) / (hi - lo), 0, 1); x custom, where there is one.

    A product cannot be had by one factor alone, as in ``gated``.

    Attributes:
        lo: CLIP score at which the gate is shut.
        hi: CLIP score at which it is open.
    """

    lo: float = 0.0
    hi: float = 0.75

    @classmethod
    def problems(cls, use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say what is refused below; models among the settings need not be built."""
        return complaint(lambda: cls(**settings))

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if not self.lo < self.hi:
            raise UserError(f"reward.lo must be below reward.hi, not {self.lo} and {self.hi}")

    def value(self, terms: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the product (n,)."""
        gate = np.clip((terms["clip_score"] - self.lo) / (self.hi - self.lo), 0.0, 1.0)
        return gate * terms["efficiency"] * terms.get("custom", 1.0)
