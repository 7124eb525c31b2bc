"""An ensemble of small networks that predict an env's next observation, reward and end, from vectors.

Several, because a policy exploits the errors of a single model: each imagined env uses one member, drawn at random
at every step (Chua et al. 2018, https://arxiv.org/abs/1805.12114; Janner et al. 2019,
https://arxiv.org/abs/1906.08253).
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rlsuite.networks.standardised import Standardised


class EnsembleLinear(nn.Module):
    """One linear layer a member: (E, N, inputs) to (E, N, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Apply each member's layer to its rows."""
        return torch.baddbmm(self.bias, x, self.weight)


class Ensemble(nn.Module):
    """Predicts from an observation (n,) and an action vector the change, in units of past changes, the reward and termination.

    Units come from :meth:`fit`. Rewards and termination are learnt from steps of the env as well.
    """

    change_std: Tensor

    def __init__(self, observation: int, action: int, members: int = 5, hidden: int = 128) -> None:
        super().__init__()
        self.members, self.observation = members, observation
        self.units = Standardised(observation)
        self.register_buffer("change_std", torch.ones(observation))
        sizes = (observation + action, hidden, hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [EnsembleLinear(members, inputs, outputs), nn.SiLU()]
        self.layers = nn.Sequential(*layers, EnsembleLinear(members, hidden, observation + 2))

    def fit(self, observations: Tensor, following: Tensor) -> None:
        """Set the units from observations (N, n) and of their changes."""
        self.units.fit(observations)
        self.change_std.copy_((following - observations).std(0).clamp_min(1e-6))

    def forward(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict each member's rows: observations (E, N, n), actions (E, N, a).

        Returns:
            Changes (E, N, n) in units of ``change_std``, rewards (E, N), logits (E, N) of termination.
        """
        out = self.layers(torch.cat([self.units(observations), actions], -1))
        return out[..., : self.observation], out[..., -2], out[..., -1]

    def loss(
        self, observations: Tensor, actions: Tensor, following: Tensor, rewards: Tensor, terminated: Tensor
    ) -> dict[str, Tensor]:
        """Return the losses of a batch (E, N, ...), each member's own rows: change, reward, termination."""
        change, reward, end = self(observations, actions)
        return {
            "change": F.mse_loss(change, (following - observations) / self.change_std),
            "reward": F.mse_loss(reward, rewards),
            "end": F.binary_cross_entropy_with_logits(end, terminated.float()),
        }

    @torch.no_grad()
    def step(self, observations: Tensor, actions: Tensor, members: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what follows observations (N, n), the rewards (N,) and probabilities (N,) of termination, by ``members`` (N,).

        All members compute all rows: for networks this small that costs less than sorting them.
        """
        every = (part.expand(self.members, -1, -1) for part in (observations, actions))
        change, reward, end = self(*every)
        rows = torch.arange(len(members), device=members.device)
        following = observations + change[members, rows] * self.change_std
        return following, reward[members, rows], end[members, rows].sigmoid()
