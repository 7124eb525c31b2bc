"""A policy for decoding schedules: how many tokens to take next and, if asked, which; it begins as a hand-made schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from rlsuite.networks.plackett_luce import CLOSED, CountedRanking

OfObservations = Callable[[np.ndarray], np.ndarray]
"""Observations (n, planes, S, S) to something (n, outputs): the legality (bool) or the prior logit of each output."""


class DecodingNetwork(nn.Module):
    """Maps (B, planes, S, S) to logits of ``choices`` and, with ``places``, a score for each of the S x S places.

    A convolutional state encoder; the parallel-degree head sees its mean and its maximum over the places, the
    position-selection head scores each place from its own features. Both heads are 0 at first.
    """

    def __init__(self, planes: int, choices: int, places: bool, width: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(planes, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )
        last = nn.Linear(hidden, choices)
        self.degree = nn.Sequential(nn.Linear(2 * width, hidden), nn.ReLU(), last)
        self.position = nn.Conv2d(width, 1, 1) if places else None
        for layer in (last, self.position):
            for parameter in layer.parameters() if layer is not None else ():
                nn.init.zeros_(parameter)

    def forward(self, observations: Tensor) -> Tensor:
        """Return (B, choices), or (B, choices + S * S)."""
        features = self.encoder(observations)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        degree = self.degree(pooled)
        return degree if self.position is None else torch.cat([degree, self.position(features).flatten(1)], 1)


class Choice(torch.distributions.Categorical):
    """A categorical with the face of ``CountedRanking``."""

    def get_actions(self, deterministic: bool = False) -> Tensor:
        """Return actions (B,), drawn or the likeliest."""
        return self.probs.argmax(1) if deterministic else self.sample()


class DecodingPolicy(ActorCriticPolicy):
    """SB3's face around a ``DecodingNetwork`` whose output is added to the prior's logits; it has no value function.

    So the policy at the start is the prior: its greedy actions are those of a hand-made schedule. Actions are a choice
    (``Discrete``) or, in a ``MultiDiscrete([K, N, ..., N])``, a count and a ranking (see ``CountedRanking``).

    Args:
        prior: the logits of the hand-made policy, from observations.
        legal_actions: which outputs may be taken, from observations.
        temperature: what all logits are divided by; greedy actions stay the same.
        width: channels of the state encoder.
    """

    def __init__(
        self,
        *args: object,
        prior: OfObservations,
        legal_actions: OfObservations,
        temperature: float = 1.0,
        width: int = 32,
        **kwargs: object,
    ) -> None:
        self.prior, self.legal_actions = prior, legal_actions
        self.temperature, self.width = temperature, width
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        ranks = isinstance(self.action_space, spaces.MultiDiscrete)
        self.choices = int(self.action_space.nvec[0] if ranks else self.action_space.n)
        self.net = DecodingNetwork(self.observation_space.shape[0], self.choices, ranks, self.width)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def get_distribution(self, obs: Tensor) -> Any:
        """Return the distribution over legal actions for (B, planes, S, S) observations."""
        seen = obs.detach().cpu().numpy()
        known = [
            torch.as_tensor(found(seen), device=obs.device) for found in (self.prior, self.legal_actions)
        ]
        logits = (self.net(obs.float()) + known[0].float()) / self.temperature
        logits = logits.masked_fill(~known[1], -torch.inf)
        if logits.shape[1] == self.choices:
            return Choice(logits=logits.clamp_min(CLOSED), validate_args=False)
        return CountedRanking(logits[:, : self.choices], logits[:, self.choices :])

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions, values (zeros) and log-probabilities."""
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic)
        return actions, torch.zeros(len(obs), 1, device=obs.device), distribution.log_prob(actions)

    def evaluate_actions(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return values (zeros), log-probabilities and entropies (B,) of actions taken."""
        distribution = self.get_distribution(obs)
        ranks = isinstance(distribution, CountedRanking)
        entropy = distribution.entropy(actions) if ranks else distribution.entropy()
        return torch.zeros(len(obs), 1, device=obs.device), distribution.log_prob(actions), entropy
