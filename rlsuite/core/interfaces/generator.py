"""What makes images step by step."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    from torch import Tensor


class Generator(Interface):
    """A step-wise image generator: batch first, every mutable thing inside the state."""

    @abstractmethod
    def begin(self, labels: Any, seeds: Any, *args: Any, **kwargs: Any) -> Any:
        """Start one image a sample: ``labels`` (B,), ``seeds`` (B,)."""

    @abstractmethod
    def step(self, state: Any, *args: Any, **kwargs: Any) -> Any:
        """Generate the next part of every image; returns the new state."""

    @abstractmethod
    def decode(self, images: Any) -> Tensor:
        """Return the images so far, float (B, C, H, W) in [0, 1]."""
