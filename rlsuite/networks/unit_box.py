"""A policy for actions in the open interval (0, 1): a Gaussian squashed by the sigmoid."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.distributions import DiagGaussianDistribution, sum_independent_dims
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.nn import functional as F

MARGIN = 1e-6  # actions stay this far inside (0, 1), where float32 still inverts the sigmoid


class SigmoidGaussian(DiagGaussianDistribution):
    """a = sigmoid(x), x ~ N(mean, std): log p(a) = log N(x) - log a - log(1 - a), the exact change of variables.

    log p is always computed from the action itself, so that what is stored and what is replayed agree. The entropy
    has no closed form; PPO then estimates it by -log p.
    """

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the log-density (B,) of actions (B, A) strictly inside (0, 1)."""
        inside = actions.clamp(MARGIN, 1 - MARGIN)
        x = torch.logit(inside)
        log_jacobian = F.logsigmoid(x) + F.logsigmoid(-x)
        return super().log_prob(x) - sum_independent_dims(log_jacobian)

    def entropy(self) -> None:
        """No closed form."""
        return None

    def sample(self) -> torch.Tensor:
        """Draw actions (B, A)."""
        return torch.sigmoid(super().sample()).clamp(MARGIN, 1 - MARGIN)

    def mode(self) -> torch.Tensor:
        """Return the squashed mean, (B, A)."""
        return torch.sigmoid(super().mode()).clamp(MARGIN, 1 - MARGIN)


class UnitBoxPolicy(ActorCriticPolicy):
    """SB3's actor-critic policy with ``SigmoidGaussian`` actions; everything else is upstream's.

    Args:
        zero_head: begin with means of exactly 1/2, which on a residual is the hand-made policy (as in AdaNAT, Ni et al. 2024).
    """

    def __init__(self, *args: object, zero_head: bool = False, **kwargs: object) -> None:
        self.zero_head = zero_head
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        self.action_dist = SigmoidGaussian(self.action_space.shape[0])
        super()._build(lr_schedule)
        if self.zero_head:
            torch.nn.init.zeros_(self.action_net.weight)
            torch.nn.init.zeros_(self.action_net.bias)
