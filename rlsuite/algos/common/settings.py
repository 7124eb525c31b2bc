"""Settings of the updates, in yaml nodes of their own, shared by the algorithms that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from rlsuite.core.sections import Section


@dataclass(frozen=True, kw_only=True)
class ClipSettings(Section):
    """How far PPO's update may move from what played: ``policy`` clips the ratio, ``value`` the critic's change (None: not)."""

    main: ClassVar[str | None] = "policy"

    policy: Annotated[float, Gt(0)] = 0.2
    value: Annotated[float, Gt(0)] | None = None


@dataclass(frozen=True, kw_only=True)
class NormalizeSettings(Section):
    """What an update normalises.

    Attributes:
        advantage: advantages of a minibatch, to mean 0 and deviation 1.
        reward: rewards are divided by the running deviation of the discounted return and clipped to [-10, 10]; the
            returns that are reported stay as they are.
    """

    advantage: bool = True
    reward: bool = False


@dataclass(frozen=True, kw_only=True)
class ExplorationSettings(Section):
    """The share of random actions: from ``initial_eps`` to ``final_eps`` over the first ``fraction`` of the training."""

    fraction: Annotated[float, Gt(0), Le(1)] = 0.7
    initial_eps: Annotated[float, Ge(0), Le(1)] = 1.0
    final_eps: Annotated[float, Ge(0), Le(1)] = 0.05
