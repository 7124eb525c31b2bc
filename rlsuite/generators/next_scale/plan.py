"""What one step of a next-scale generator does: which samples and which of their guidance halves run, on how many tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class StepPlan:
    """What one step does.

    Rows are the halves that run: the conditional ones of all ``samples``, then the unconditional ones of the guided.

    Attributes:
        scale: index of the scale.
        samples: the samples that run.
        kept: tokens each of them keeps.
        guided: of all samples, whether the unconditional half takes part.
        cfg: (B,) guidance weights of this scale.
    """

    scale: int
    samples: list[int]
    kept: list[int]
    guided: tuple[bool, ...]
    cfg: Tensor

    @cached_property
    def both(self) -> list[int]:
        """Which of ``samples``, by their place in it, run both halves."""
        return [j for j, sample in enumerate(self.samples) if self.guided[sample]]

    @cached_property
    def rows(self) -> list[int] | None:
        """Rows among all 2B; None: every one."""
        total = len(self.guided)
        every = len(self.samples) == len(self.both) == total
        return None if every else self.samples + [total + self.samples[j] for j in self.both]

    @property
    def counts(self) -> list[int]:
        """Tokens each row keeps."""
        return self.kept + [self.kept[j] for j in self.both]

    def of(self, x: Tensor) -> Tensor:
        """The samples of x (B, ...) that run."""
        return x if len(self.samples) == len(self.guided) else x[self.samples]

    def repeated(self, x: Tensor) -> Tensor:
        """From x (samples, ...) one entry for each row."""
        return torch.cat((x, x if len(self.both) == len(self.samples) else x[self.both]))

    def of_rows(self, x: Tensor) -> Tensor:
        """From x (B, ...) one entry for each row."""
        return self.repeated(self.of(x))

    def halves(self, x: Tensor) -> Tensor:
        """Rows to (2 samples, ...): the conditional halves, then the unconditional ones; copies where they did not run."""
        n = len(self.samples)
        if len(self.both) == n:
            return x
        other = x[:n].clone()
        other[self.both] = x[n:]
        return torch.cat((x[:n], other))

    def weights(self, without: float) -> Tensor:
        """Guidance weights (samples,), ``without`` where the unconditional half did not run."""
        guided = torch.tensor([self.guided[i] for i in self.samples], device=self.cfg.device)
        return torch.where(guided, self.of(self.cfg), without)
