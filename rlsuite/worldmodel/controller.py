"""Actor and critic on (z, h). Policy and plan are blended into one distribution, which is both executed and trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional as F


def mlp(inputs: int, hidden: Sequence[int], outputs: int, gain: float) -> nn.Sequential:
    """Return layers of ``hidden`` units with LayerNorm and ReLU; the last one's weights are orthogonal of size ``gain``."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU()]
        inputs = width
    layers.append(nn.Linear(inputs, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, gain if layer is layers[-1] else math.sqrt(2))
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


class Controller(nn.Module):
    """Base: ``preferences`` of the actor and of the planner are numbers of the same kind, and are blended as such.

    A *choice* (n, ...) is what was sampled and is kept: its log-probability under the blend is what is trained. ``vectors``
    turns choices into what the model reads, ``env_actions`` into what the env takes.
    """

    size: int

    def __init__(self, features: int, hidden: Sequence[int], size: int) -> None:
        super().__init__()
        self.size = size
        self.actor, self.critic = mlp(features, hidden, size, 0.01), mlp(features, hidden, 1, 1.0)

    def preferences(self, features: Tensor) -> Tensor:
        """Return the actor's preferences (n, size)."""
        return self.actor(features)

    def value(self, features: Tensor) -> Tensor:
        """Return the estimated return (n,)."""
        return self.critic(features).squeeze(-1)

    def distribution(self, preferences: Tensor) -> Categorical | Normal:
        """Return the distribution of choices of (blended) preferences (n, size)."""
        raise NotImplementedError

    def log_prob(self, distribution: Categorical | Normal, choices: Tensor) -> Tensor:
        """Return the log-probability (n,) of choices."""
        raise NotImplementedError

    def entropy(self, distribution: Categorical | Normal) -> Tensor:
        """Return the entropy (n,), with a gradient."""
        raise NotImplementedError

    def best(self, preferences: Tensor) -> Tensor:
        """Return the likeliest choices."""
        raise NotImplementedError

    def vectors(self, choices: Tensor) -> Tensor:
        """Return actions (n, size) for the model."""
        raise NotImplementedError

    def env_actions(self, choices: Tensor) -> Tensor:
        """Return actions (n, ...) for the env."""
        raise NotImplementedError


class DiscreteController(Controller):
    """Preferences are logits, choices (n,) int64."""

    def __init__(self, features: int, hidden: Sequence[int], space: spaces.Discrete) -> None:
        super().__init__(features, hidden, int(space.n))

    def distribution(self, preferences: Tensor) -> Categorical:
        """Return the categorical distribution of logits."""
        return Categorical(logits=preferences, validate_args=False)

    def log_prob(self, distribution: Categorical | Normal, choices: Tensor) -> Tensor:
        """Return the log-probability (n,)."""
        return distribution.log_prob(choices)

    def entropy(self, distribution: Categorical | Normal) -> Tensor:
        """Return the entropy (n,)."""
        return distribution.entropy()

    def best(self, preferences: Tensor) -> Tensor:
        """Return the likeliest actions (n,)."""
        return preferences.argmax(-1)

    def vectors(self, choices: Tensor) -> Tensor:
        """Return one-hot vectors (n, size)."""
        return F.one_hot(choices, self.size).float()

    def env_actions(self, choices: Tensor) -> Tensor:
        """Return the choices themselves."""
        return choices


class ContinuousController(Controller):
    """Preferences are means before the tanh, choices u (n, size) what was drawn there; tanh is taken once, on the way out."""

    LIMIT = 0.999
    low: Tensor
    high: Tensor

    def __init__(self, features: int, hidden: Sequence[int], space: spaces.Box) -> None:
        super().__init__(features, hidden, int(torch.tensor(space.shape).prod()))
        self.shape = space.shape
        self.register_buffer("low", torch.as_tensor(space.low))
        self.register_buffer("high", torch.as_tensor(space.high))
        self.log_std = nn.Parameter(torch.full((self.size,), -0.5))

    def distribution(self, preferences: Tensor) -> Normal:
        """Return the Gaussian before the tanh."""
        return Normal(preferences, self.log_std.exp().expand_as(preferences), validate_args=False)

    def log_prob(self, distribution: Categorical | Normal, choices: Tensor) -> Tensor:
        """Return the log-density (n,) of tanh(u), by the change of variables."""
        return (distribution.log_prob(choices) - log_slope(choices)).sum(-1)

    def entropy(self, distribution: Categorical | Normal) -> Tensor:
        """Return an estimate (n,) from one new draw; that of the Gaussian alone would reward saturation."""
        return (distribution.entropy() + log_slope(distribution.rsample())).sum(-1)

    def best(self, preferences: Tensor) -> Tensor:
        """Return the means."""
        return preferences

    def vectors(self, choices: Tensor) -> Tensor:
        """Return tanh(u), in (-1, 1)."""
        return choices.tanh()

    def choices(self, vectors: Tensor) -> Tensor:
        """Return u of actions in [-1, 1]; those at the border are drawn in a little."""
        return vectors.clamp(-self.LIMIT, self.LIMIT).atanh()

    def env_actions(self, choices: Tensor) -> Tensor:
        """Return actions (n, ...) between the env's bounds."""
        return self.low + (choices.tanh().view(-1, *self.shape) + 1) * 0.5 * (self.high - self.low)


def log_slope(u: Tensor) -> Tensor:
    """Return log d tanh(u) / du, stable far out."""
    return 2 * (math.log(2) - u - F.softplus(-2 * u))


def make_controller(features: int, hidden: Sequence[int], space: spaces.Space) -> Controller:
    """Return the controller of an action space; no ``hidden`` layers make it linear."""
    if isinstance(space, spaces.Discrete):
        return DiscreteController(features, hidden, space)
    assert isinstance(space, spaces.Box)
    return ContinuousController(features, hidden, space)
