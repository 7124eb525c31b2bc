"""How the gradients of several variations become one update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Index = Any
"""What selects samples of a minibatch: a slice, their positions (k,) int64, or a boolean tensor (batch,)."""

Loss = Callable[[Index], "Tensor"]
"""The mean loss (scalar tensor) of the selected samples of one minibatch."""

Losses = Callable[[Index], "tuple[Tensor, Tensor]"]
"""The actor's and the critic's loss, each as it is weighed, of the selected samples; their sum is the ``Loss``."""

Metrics = dict[str, Any]
"""What is worth logging of one update: numbers or scalar tensors, the same keys every time."""


class Technique(Protocol):
    """How the minibatches of several variations become one gradient (one batch per domain, as in DomainBed).

    A technique keeps no state of its own: it is a function of the minibatch, so that a resumed run is exact. Optional:
    ``attach(policy)``, called once when the policy and its optimizer stand, to hook into them; ``extend(loss)``, which
    returns a loss with something added, so that a chain can add it too; and class attributes
    ``combines``, true where ``technique=a+b`` may name it (see ``rlsuite.techniques.chain``), and ``reads``, the kinds of
    observation it is for (see ``Task.observation_kind``).
    """

    levels: tuple[float, ...]  # the variations it trains on

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Leave the gradient in ``parameters[i].grad`` (zeroed before); return what is worth logging.

        ``domains`` (batch,) int64 tells each sample's variation, the index into ``levels``.
        """
        ...
