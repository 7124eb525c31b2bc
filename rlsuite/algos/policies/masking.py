"""Illegal actions are never taken: one mechanism for every learner, from the observation alone.

A task that has ``legal_actions(observations) -> (n, actions) bool`` gets it: scores of illegal actions (logits, Q-values)
fall out inside the network, in acting, in targets and in the loss alike. Huang and Ontanon, "A closer look at invalid
action masking in policy gradient algorithms" (2022), https://arxiv.org/abs/2006.14171.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.dqn.policies import DQNPolicy

from rlsuite.algos.accelerated.policies import QuickQNetwork
from rlsuite.core.interfaces import Task

LegalActions = Callable[[np.ndarray], np.ndarray]
ILLEGAL = -1e8  # as a logit: probability exactly 0; finite, so that p log p is 0 and not NaN


def legal_actions_of(task: Task, wanted: bool = True) -> LegalActions | None:
    """Return the task's ``legal_actions``; None if it has none or masking is not wanted."""
    return task.legal_actions if wanted else None


def mask_arguments(legal_actions: LegalActions | None) -> dict[str, Any]:
    """Return what the masked policies need in ``policy_kwargs``; nothing where nothing is masked."""
    return {} if legal_actions is None else {"legal_actions": legal_actions}


def legal_mask(observations: torch.Tensor, legal_actions: LegalActions) -> torch.Tensor:
    """Return (B, actions) bool; where a state has no legal action at all, each counts as legal."""
    legal = legal_actions(observations.detach().cpu().numpy())
    return torch.as_tensor(legal | ~legal.any(axis=1, keepdims=True), device=observations.device)


def replace_illegal(actions: np.ndarray, legal: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Replace illegal ``actions`` (n,) by uniformly drawn legal ones.

    An action drawn uniformly from all becomes one drawn uniformly from the legal ones.

    Args:
        actions: (n,) int.
        legal: (n, actions) bool.
        uniform: (n,) random numbers in [0, 1).
    """
    rank = (uniform * legal.sum(axis=1)).astype(np.int64) + 1
    drawn = (legal.cumsum(axis=1) == rank[:, None]).argmax(axis=1)
    keep = legal[np.arange(len(actions)), actions] | ~legal.any(axis=1)
    return np.where(keep, actions, drawn)


class MaskedActorCriticPolicy(ActorCriticPolicy):
    """SB3's policy for discrete actions, whose logits of illegal ones are ``ILLEGAL``."""

    def __init__(self, *args: object, legal_actions: LegalActions, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.legal_actions = legal_actions

    def forward(self, obs: torch.Tensor, deterministic: bool = False) -> tuple[torch.Tensor, ...]:
        """Return actions, values and log-probabilities."""
        self._legal = legal_mask(obs, self.legal_actions)
        return super().forward(obs, deterministic)

    def evaluate_actions(self, obs: torch.Tensor, actions: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return values, log-probabilities and entropies."""
        self._legal = legal_mask(obs, self.legal_actions)
        return super().evaluate_actions(obs, actions)

    def get_distribution(self, obs: torch.Tensor) -> Distribution:
        """Return the distribution over the legal actions."""
        self._legal = legal_mask(obs, self.legal_actions)
        return super().get_distribution(obs)

    def _get_action_dist_from_latent(self, latent_pi: torch.Tensor) -> Distribution:
        logits = self.action_net(latent_pi).masked_fill(~self._legal, ILLEGAL)
        return self.action_dist.proba_distribution(action_logits=logits)


class MaskedQNetwork(QuickQNetwork):
    """SB3's Q-network, in which illegal actions are worth ``ILLEGAL``: neither argmax nor target takes them."""

    def __init__(self, *args: object, legal_actions: LegalActions, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.legal_actions = legal_actions

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the action values (B, actions)."""
        return super().forward(obs).masked_fill(~legal_mask(obs, self.legal_actions), ILLEGAL)


class MaskedDQNPolicy(DQNPolicy):
    """SB3's DQN policy with masked Q-networks."""

    def __init__(self, *args: object, legal_actions: LegalActions, **kwargs: object) -> None:
        self._masking = {"legal_actions": legal_actions}  # super() builds the networks
        super().__init__(*args, **kwargs)

    def make_q_net(self) -> MaskedQNetwork:
        """Build one masked Q-network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskedQNetwork(**arguments, **self._masking).to(self.device)
