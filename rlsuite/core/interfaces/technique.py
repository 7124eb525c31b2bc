"""How the gradients of several variations become one update."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rlsuite.core.interfaces.base import Interface

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from torch import Tensor

Index = Any
"""What selects samples of a minibatch: a slice, their positions (k,) int64, or a boolean tensor (batch,)."""
Metrics = dict[str, Any]
"""What is worth logging of one update: numbers or scalar tensors, the same keys every time."""
Loss = Callable[[Index], "tuple[Tensor, Metrics]"]
"""The mean loss (scalar tensor) of the selected samples of one minibatch, and what is worth logging of them."""
Losses = Callable[[Index], "tuple[Tensor, Tensor, Metrics]"]
"""The actor's and the critic's loss, each as it is weighed, of the selected samples, whose sum is the ``Loss``; and metrics."""


class Technique(Interface):
    """How the minibatches of several variations become one gradient (one batch per domain, as in DomainBed).

    It keeps no state that learning changes: it is a function of the minibatch, so that a resumed run is exact.
    """

    combines: ClassVar[bool] = False
    """Whether ``technique=a+b`` may name it (see ``rlsuite.techniques.chain``)."""
    only_levels: ClassVar[bool] = False
    """Whether it is nothing but its levels, and so adds nothing to another technique that has some."""
    reads: ClassVar[frozenset[str] | None] = None
    """The kinds of observations it is for (see ``ObservationKind``); None: all."""

    levels: tuple[float, ...] = (0.0,)
    """The variations it trains on."""

    @abstractmethod
    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Leave the gradient in ``parameters[i].grad`` (zeroed before); return what is worth logging, the loss's metrics included.

        ``domains`` (batch,) int64 tells each sample's variation, the index into ``levels``.
        """

    def attach(self, policy: BasePolicy) -> None:
        """Hook into the policy and its optimizer, once, when both stand."""

    def extend(self, loss: Loss) -> Loss:
        """Return the loss with something added, so that a chain can add it too."""
        return loss
