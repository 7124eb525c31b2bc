"""Domain randomisation: several variations at once, one plain mean gradient.

Tobin et al., "Domain randomization for transferring deep neural networks" (2017), https://arxiv.org/abs/1703.06907.
"""

from __future__ import annotations

from typing import ClassVar

from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.levels import Levels, chosen


class DR(Baseline):
    """Baseline's gradient on the variations gar sees: the control without which gar proves nothing."""

    # beside a technique that has levels of its own it would be a name and nothing else
    only_levels: ClassVar[bool] = True

    def __init__(self, *, levels: Levels = (0.0, 0.25, 0.5)) -> None:
        self.levels = chosen(levels)
