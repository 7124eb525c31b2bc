"""Settings of upstream's policies that compute the same bits in less time."""

from __future__ import annotations

import torch
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import BasePolicy
from torch.distributions import Categorical


class UncheckedCategorical(CategoricalDistribution):
    """SB3's distribution without checks of each batch of logits and actions.

    Logits that are not finite still end a run: sampling refuses them, and so does the check of the gradient's norm.
    """

    def proba_distribution(self, action_logits: torch.Tensor) -> UncheckedCategorical:
        """Take (batch, actions) logits."""
        self.distribution = Categorical(logits=action_logits, validate_args=False)
        return self


def quicken(policy: BasePolicy) -> None:
    """Let ``policy`` do less for the same: no checks, no mode set twice, one call of an operation for all parameters."""
    switch = policy.set_training_mode
    policy.set_training_mode = lambda mode: None if mode == policy.training else switch(mode)
    if type(getattr(policy, "action_dist", None)) is CategoricalDistribution:
        policy.action_dist = UncheckedCategorical(policy.action_dist.action_dim)
    for group in getattr(getattr(policy, "optimizer", None), "param_groups", ()):
        if "foreach" in group:
            group["foreach"] = True
