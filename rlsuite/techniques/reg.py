"""Decoupled weight decay: before each step every weight matrix shrinks by ``learning rate x weight_decay``.

Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), https://arxiv.org/abs/1711.05101.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from rlsuite.techniques.baseline import Baseline

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from torch.optim import Optimizer


class Reg(Baseline):
    """Weight decay that acts: AdamW's, on top of whatever optimizer the algorithm has.

    Over a run the weights shrink by about ``exp(-weight_decay * sum of learning rates over the updates)``. PPO's
    100k steps on CartPole are 15,600 updates at 3e-4, so the default of 0.1 takes 37 % off a weight that no gradient
    renews, while the often quoted 1e-4 takes off .05 %: with that value ``reg`` is baseline in all but name.
    Biases and a Gaussian's log std are left alone; to pull log std to 0 would be to pull std to 1.
    """

    def __init__(self, *, weight_decay: Annotated[float, Ge(0)] = 0.1) -> None:
        self.weight_decay = weight_decay

    def attach(self, policy: BasePolicy) -> None:
        """Shrink the matrices before every step of the policy's optimizer."""
        policy.optimizer.register_step_pre_hook(self._shrink)

    def _shrink(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        import torch

        for group in optimizer.param_groups:
            weights = [p for p in group["params"] if p.grad is not None and p.ndim > 1]
            if weights:
                with torch.no_grad():
                    torch._foreach_mul_(weights, 1 - group["lr"] * self.weight_decay)
