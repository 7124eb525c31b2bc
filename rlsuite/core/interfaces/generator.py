"""What makes images step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class GeneratorState(Protocol):
    """A batch of images on their way; never changed in place."""

    @property
    def done(self) -> bool:
        """Whether every image is complete."""


State = TypeVar("State", bound=GeneratorState)
StepDecision = TypeVar("StepDecision", contravariant=True)
"""What is decided at a step, for each image or for all: a pruning ratio, a number of tokens."""


class Generator(Interface, Generic[State, StepDecision]):
    """A step-wise image generator: batch first, weights and settings only; what changes is in the state."""

    default_cfg: float
    """The guidance weight where ``begin`` is given none."""

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of conditions an image can have: classes, or prompts."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the weights are."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Generator[State, StepDecision]:
        """Move the weights; images begun from now on are made there."""

    @abstractmethod
    def begin(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Tensor | float | None = None,
        stream_seed: int | None = None,
    ) -> State:
        """Start one image a sample.

        Args:
            labels: (B,) conditions; below 0 = none.
            seeds: (B,) each sample's seed: its random numbers come from it, whatever batch it is in.
            cfg: guidance weight, one or (B,); None: ``default_cfg``.
            stream_seed: draw as the published code does instead, from one generator for the whole batch.
        """

    @abstractmethod
    def step(self, state: State, decision: StepDecision, /) -> State:
        """Generate the next part of every image; the given state stays valid."""

    @abstractmethod
    def decode(self, images: State | Tensor) -> Tensor:
        """Return the images so far, float (B, C, H, W) in [0, 1], of a state or of its tensor of codes."""
