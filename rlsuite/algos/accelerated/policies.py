"""Subclasses of upstream's policies that compute the same bits in less time, and for ``algo.fast`` act in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.distributions import CategoricalDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy, BaseModel, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch.distributions import Categorical
from torch.optim import Optimizer

from rlsuite.algos.accelerated.written_out_gradient import HandBatched
from rlsuite.networks.pixels import PixelExtractor


class UncheckedCategorical(CategoricalDistribution):
    """SB3's distribution without checks of each batch of logits and actions.

    Logits that are not finite still end a run: sampling refuses them, and so does the check of the gradient's norm.
    """

    def proba_distribution(self, action_logits: torch.Tensor) -> UncheckedCategorical:
        """Take (batch, actions) logits."""
        self.distribution = Categorical(logits=action_logits, validate_args=False)
        return self


class TakesBytes(BaseModel):
    """Mixin before one of SB3's models: pictures go into a ``PixelExtractor`` extractor as bytes, without a float copy."""

    def extract_features(self, obs: torch.Tensor, features_extractor: Any = None) -> Any:
        """Return the features of a batch of observations; a pair where actor and critic have extractors of their own."""
        if not isinstance(self.features_extractor, PixelExtractor):
            return super().extract_features(obs, *filter(None, [features_extractor]))
        if features_extractor is None and not self.share_features_extractor:
            return self.pi_features_extractor(obs), self.vf_features_extractor(obs)
        return (features_extractor or self.features_extractor)(obs)


class QuickPolicy(BasePolicy):
    """Mixin before one of SB3's policies: no mode set twice, no walk through all modules, one optimizer call for all parameters."""

    upstream: ClassVar[type[BasePolicy]]
    """The class that computes the same."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._first = tuple(self.parameters())[:1]  # a tuple, which torch does not register
        optimizer = vars(self).get("optimizer")
        for group in optimizer.param_groups if isinstance(optimizer, Optimizer) else ():
            if "foreach" in group:
                group["foreach"] = True

    def obs_to_tensor(self, observation: Any) -> tuple[Any, bool]:
        """As upstream's; of vectors, one an env, without a search for the device."""
        shape = self.observation_space.shape
        plain = (
            isinstance(observation, np.ndarray) and observation.ndim == 2 and observation.shape[1:] == shape
        )
        if plain and self._first:
            return torch.as_tensor(observation.copy(), device=self._first[0].device), True
        return super().obs_to_tensor(observation)

    def set_training_mode(self, mode: bool) -> None:
        """Set the mode where it is another."""
        if mode != self.training:
            super().set_training_mode(mode)


class QuickActorCriticPolicy(TakesBytes, QuickPolicy, ActorCriticPolicy):
    """Mixin before an actor-critic policy: no checks of its distribution, and rollouts in numpy where that is asked for."""

    upstream = ActorCriticPolicy
    action_dist: Distribution
    _in_numpy: HandBatched | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if type(self.action_dist) is CategoricalDistribution:
            self.action_dist = UncheckedCategorical(self.action_dist.action_dim)

    @contextmanager
    def acting_in_numpy(self) -> Iterator[None]:
        """Act in numpy in the body, in which the parameters must stay as they are."""
        self._in_numpy = HandBatched(self)
        try:
            yield
        finally:
            self._in_numpy = None

    def forward(self, obs: torch.Tensor, *args: object, **kwargs: object) -> tuple[torch.Tensor, ...]:
        """Return actions, values and log-probabilities; other arguments are upstream's."""
        if self._in_numpy is None:
            return super().forward(obs, *args, **kwargs)
        return tuple(torch.from_numpy(part) for part in self._in_numpy.act(obs.float().numpy()))


class QuickQNetwork(TakesBytes, QNetwork):
    """SB3's Q-network on bytes."""


class QuickDQNPolicy(QuickPolicy, DQNPolicy):
    """SB3's DQN policy with such networks."""

    upstream = DQNPolicy

    def make_q_net(self) -> QNetwork:
        """Build one Q-network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return QuickQNetwork(**arguments).to(self.device)


class QuickQuantileNetwork(TakesBytes, QuantileNetwork):
    """sb3-contrib's quantile network on bytes."""


class QuickQRDQNPolicy(QuickPolicy, QRDQNPolicy):
    """sb3-contrib's QR-DQN policy with such networks."""

    upstream = QRDQNPolicy

    def make_quantile_net(self) -> QuantileNetwork:
        """Build one quantile network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return QuickQuantileNetwork(**arguments).to(self.device)


QUICK: dict[type[BasePolicy], type[QuickPolicy]] = {
    made.upstream: made for made in (QuickActorCriticPolicy, QuickDQNPolicy, QuickQRDQNPolicy)
}
"""The quick subclass of each policy, as far as they have been asked for."""


def quick(policy: type[BasePolicy]) -> type[BasePolicy]:
    """Return the subclass of a policy that does less for the same."""
    if policy not in QUICK:
        mixin = QuickActorCriticPolicy if issubclass(policy, ActorCriticPolicy) else QuickPolicy
        body = {"upstream": policy, "__module__": __name__}
        QUICK[policy] = type(f"Quick{policy.__name__}", (mixin, policy), body)
    return QUICK[policy]
