"""What makes images step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Generator(Protocol):
    """A step-wise image generator: batch first, every mutable thing inside the state."""

    def begin(self, labels: Any, seeds: Any, cfg: Any = ...) -> Any:
        """Start one image an env: ``labels`` (B,), ``seeds`` (B,)."""
        ...

    def step(self, state: Any, action: Any = ...) -> Any:
        """Generate the next part of every image; returns the new state."""
        ...

    def decode(self, images: Any) -> Tensor:
        """Return the images so far, float (B, C, H, W) in [0, 1]."""
        ...
