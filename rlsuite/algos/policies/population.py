"""The deterministic policy that evolution strategies search: small, so that a few parameters carry the noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from rlsuite.algos.policies.masking import ILLEGAL, LegalActions, legal_mask
from rlsuite.networks.population import Population
from rlsuite.networks.running_norm import RunningNorm

POOLED, WIDTH, HEAD = 16, 8, 32
"""Side that images are pooled to, channels of their two convolutions, units behind them."""


class ESPolicy(BasePolicy):
    """An MLP of tanh units on vectors, on images (C, H, W) two convolutions after pooling (under 10k parameters).

    Discrete actions are the best score, continuous ones the squashed output. The last layer starts near zero, so that
    the first members differ by their noise alone.

    Raises:
        ValueError: If observations are no arrays.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Callable[[float], float],
        *,
        net_arch: list[int] | None = None,
        normalize_observations: bool = True,
        weight_decay: float = 0.0,
        legal_actions: LegalActions | None = None,
    ) -> None:
        super().__init__(observation_space, action_space, squash_output=isinstance(action_space, spaces.Box))
        if not isinstance(observation_space, spaces.Box):
            raise ValueError(f"es needs observations that are arrays, not {observation_space}")
        self.legal_actions, shape = legal_actions, observation_space.shape
        self.is_map = len(shape) == 3
        self.normalizer = None
        if normalize_observations and not self.is_map:
            self.normalizer = RunningNorm(int(np.prod(shape)))
        self.net = nn.Sequential(*_layers(shape, net_arch or [64, 64], _outputs(action_space)))
        if self.squash_output:
            self.net.append(nn.Tanh())
        self._flatten_last()
        self.optimizer = torch.optim.Adam(
            self.net.parameters(), lr=lr_schedule(1), weight_decay=weight_decay, foreach=True
        )

    @torch.no_grad()
    def _flatten_last(self) -> None:
        last = [module for module in self.net if isinstance(module, nn.Linear)][-1]
        last.weight.mul_(0.01)
        last.bias.zero_()

    def begin(self) -> None:
        """Draw fresh parameters, and forget the optimizer's moments."""
        for module in self.net:
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.reset_parameters()
        self._flatten_last()
        self.optimizer.state.clear()

    def prepare(self, observations: Tensor) -> Tensor:
        """Return what the net sees of (B, ...): bytes as [0, 1], vectors normalised."""
        if not self.is_map:
            observations = observations.flatten(1).float()
            return observations if self.normalizer is None else self.normalizer(observations)
        return observations / 255 if observations.dtype == torch.uint8 else observations.float()

    def choose(self, outputs: Tensor, observations: Tensor) -> Tensor:
        """Turn the net's outputs (B, k) into actions."""
        if self.squash_output:
            return outputs
        if self.legal_actions is not None:
            outputs = outputs.masked_fill(~legal_mask(observations, self.legal_actions), ILLEGAL)
        return outputs.argmax(dim=1)

    def forward(self, observations: Tensor, deterministic: bool = True) -> Tensor:
        """Return the actions of (B, ...) observations."""
        return self.choose(self.net(self.prepare(observations)), observations)

    def _predict(self, observation: Any, deterministic: bool = True) -> Tensor:
        return self(observation)

    def act(self, population: Population, observations: np.ndarray) -> np.ndarray:
        """Return the actions of all members: envs (P * E, ...) in order, the first E those of the first member."""
        tensor = torch.as_tensor(observations, device=self.device)
        prepared = self.prepare(tensor)
        outputs = population(prepared.unflatten(0, (population.size, -1))).flatten(0, 1)
        actions = self.choose(outputs, tensor).cpu().numpy()
        return self.unscale_action(actions) if self.squash_output else actions


def _outputs(action_space: spaces.Space) -> int:
    return (
        int(action_space.n) if isinstance(action_space, spaces.Discrete) else int(np.prod(action_space.shape))
    )


def _layers(shape: tuple[int, ...], net_arch: list[int], outputs: int) -> list[nn.Module]:
    """Return the layers from observations of ``shape`` to scores."""
    layers: list[nn.Module] = []
    if len(shape) == 3:
        side = min(POOLED, *shape[1:])
        layers = [] if shape[1:] == (side, side) else [nn.AdaptiveAvgPool2d(side)]
        for channels in (shape[0], WIDTH):
            layers += [nn.Conv2d(channels, WIDTH, 3, stride=2, padding=1), nn.Tanh()]
        layers.append(nn.Flatten())
        net_arch = [HEAD]
    with torch.no_grad():
        entering = nn.Sequential(*layers)(torch.zeros(1, *shape)).numel()
    for width in net_arch:
        layers += [nn.Linear(entering, width), nn.Tanh()]
        entering = width
    return [*layers, nn.Linear(entering, outputs)]
