"""Several techniques as one: what ``technique=gar+reg`` becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlsuite.core.interfaces import Loss, Metrics, Technique
from rlsuite.techniques.baseline import Baseline

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from torch import Tensor


class Chain(Baseline):
    """The parts in alphabetical order, on all the levels that any of them trains on.

    Parts that ``extend`` the loss do so first; those that look at the variations' gradients apply one after the other to
    the same k gradients, the others only hook into the policy; so ``gar+reg`` costs one gradient a variation, whatever the number of parts.
    """

    def __init__(self, parts: Mapping[str, Technique]) -> None:
        self.parts = [parts[name] for name in sorted(parts)]
        self.levels = tuple(sorted({level for part in self.parts for level in part.levels}))

    def attach(self, policy: BasePolicy) -> None:
        """Let every part that wants to hook into the policy."""
        for part in self.parts:
            part.attach(policy)

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Leave the parts' common gradient in the parameters."""
        from rlsuite.techniques.gradients import PerVariation, combine

        for part in self.parts:
            loss = part.extend(loss)
        rules = [part for part in self.parts if isinstance(part, PerVariation)]
        if rules:
            return combine(rules, loss, domains, parameters)
        return super().backward(loss, domains, parameters)


def chain(parts: Mapping[str, Technique]) -> Technique:
    """Return the technique of that name; for several, their chain."""
    return next(iter(parts.values())) if len(parts) == 1 else Chain(parts)
