"""Dropout in the policy's hidden layers while it learns; it acts and is evaluated whole.

Srivastava et al., "Dropout" (2014); for generalisation in RL: Cobbe et al. (2019), https://arxiv.org/abs/1812.02341.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Lt

from rlsuite.techniques.baseline import Baseline

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from torch import Tensor
    from torch.nn import Module


class Dropout(Baseline):
    """Zero a share ``rate`` of the units behind each hidden linear layer, in the update only.

    By forward hooks, so the parameters keep their names and ``model.zip`` loads in plain Stable-Baselines3. Value
    networks are spared: a noisy critic costs more than it regularises (Liu et al. 2021, https://arxiv.org/abs/1910.09191).
    PPO's ratio then starts at a masked policy over a whole one, which its clipping bounds; keep ``rate`` small.
    """

    def __init__(self, *, rate: Annotated[float, Ge(0), Lt(1)] = 0.1) -> None:
        self.rate = rate

    def attach(self, policy: BasePolicy) -> None:
        """Hook every activation that follows a linear layer outside the value network."""
        from torch import nn

        for name, module in policy.named_modules():
            if isinstance(module, nn.Sequential) and "value_net" not in name:
                for before, after in pairwise(module):
                    if isinstance(before, nn.Linear) and not list(after.parameters()):
                        after.register_forward_hook(self._drop)

    def _drop(self, module: Module, inputs: object, output: Tensor) -> Tensor:
        from torch.nn import functional as F

        return F.dropout(output, self.rate, module.training)
