"""Settings of upstream's policies that compute the same bits in less time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from torch.distributions import Categorical

from rlsuite.networks.pixels import PixelExtractor


class UncheckedCategorical(CategoricalDistribution):
    """SB3's distribution without checks of each batch of logits and actions.

    Logits that are not finite still end a run: sampling refuses them, and so does the check of the gradient's norm.
    """

    def proba_distribution(self, action_logits: torch.Tensor) -> UncheckedCategorical:
        """Take (batch, actions) logits."""
        self.distribution = Categorical(logits=action_logits, validate_args=False)
        return self


def _features(policy: BasePolicy, observations: torch.Tensor, extractor: PixelExtractor | None = None) -> Any:
    """As ``policy.extract_features``, without a float copy of the pictures: these networks take bytes."""
    if extractor is None and not policy.share_features_extractor:
        return policy.pi_features_extractor(observations), policy.vf_features_extractor(observations)
    return (extractor or policy.features_extractor)(observations)


def _to_tensor(policy: BasePolicy, upstreams: Callable, first: torch.nn.Parameter, seen: Any) -> Any:
    """As ``policy.obs_to_tensor``; of vectors one per env without a walk through all modules to find the device."""
    shape = policy.observation_space.shape
    if isinstance(seen, np.ndarray) and seen.ndim == 2 and seen.shape[1:] == shape:
        return torch.as_tensor(seen.copy(), device=first.device), True
    return upstreams(seen)


def quicken(policy: BasePolicy) -> None:
    """Let ``policy`` do less for the same: no checks, no copies, no mode set twice, one call of an operation for all parameters."""
    for module in (policy, *policy.modules()):
        if isinstance(getattr(module, "features_extractor", None), PixelExtractor):
            module.extract_features = partial(_features, module)
    first = next(policy.parameters(), None)
    if first is not None:
        policy.obs_to_tensor = partial(_to_tensor, policy, policy.obs_to_tensor, first)
    switch = policy.set_training_mode
    policy.set_training_mode = lambda mode: None if mode == policy.training else switch(mode)
    if isinstance(policy, ActorCriticPolicy) and type(policy.action_dist) is CategoricalDistribution:
        policy.action_dist = UncheckedCategorical(policy.action_dist.action_dim)
    optimizer = vars(policy).get("optimizer")  # some policies have none, or get it later
    for group in optimizer.param_groups if optimizer else ():
        if "foreach" in group:
            group["foreach"] = True
