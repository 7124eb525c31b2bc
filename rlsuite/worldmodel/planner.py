"""Planning in the world model: discrete actions are all tried, continuous ones found by the cross-entropy method.

Both add the critic's value of the last imagined state, for what comes after the horizon. Rewards and that value are weighted
by the predicted probability that the episode continues. Nothing here has a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from rlsuite.core.sections import Section
from rlsuite.worldmodel.controller import ContinuousController, Controller
from rlsuite.worldmodel.model import Latent, LatentModel

INITIAL_STD = 0.5


@dataclass(frozen=True, kw_only=True)
class Planning(Section):
    """When and how far to plan, and how much the plan counts.

    Attributes:
        horizon: imagined steps; 0 switches planning off.
        start_step: environment steps before which there is no plan.
        blend: the plan's share of the preferences that are executed and trained.
        temperature: of a discrete plan: the spread of its values, as seen lately, over this is how far its preferences lie apart.
        num_action_samples: sequences of continuous actions tried in each iteration.
        iterations: of the cross-entropy method.
        elites: sequences whose mean and deviation the next iteration draws from.
    """

    horizon: Annotated[int, Ge(0)] = 5
    start_step: Annotated[int, Ge(0)] = 0
    blend: Annotated[float, Ge(0), Le(1)] = 0.3
    temperature: Annotated[float, Gt(0)] = 0.5
    num_action_samples: Annotated[int, Gt(1)] = 8
    iterations: Annotated[int, Gt(0)] = 3
    elites: Annotated[int, Gt(0)] = 2


def plan_value(
    model: LatentModel, controller: Controller, latent: Latent, actions: Sequence[Tensor | None], gamma: float
) -> Tensor:
    """Return the estimated returns (n,) of H actions in turn, each (n, size), from ``latent``: discounted rewards and the last value.

    Where an action is None the controller's likeliest one is taken.
    """
    total, weight = torch.zeros_like(latent.z[:, 0]), torch.ones_like(latent.z[:, 0])
    for action in actions:
        if action is None:
            action = controller.vectors(controller.best(controller.preferences(latent.features)))
        latent, reward, goes_on = model.imagine(latent, action)
        total = total + weight * reward
        weight = weight * gamma * goes_on
    return total + weight * controller.value(latent.features)


@torch.no_grad()
def try_all(model: LatentModel, controller: Controller, latent: Latent, gamma: float, horizon: int) -> Tensor:
    """Return the estimated returns (n, actions) of each discrete action, followed by the controller's likeliest ones."""
    n, count = len(latent.z), controller.size
    first = torch.eye(count, device=latent.z.device).repeat(n, 1)
    actions = [first, *[None] * (horizon - 1)]
    return plan_value(model, controller, latent.repeat(count), actions, gamma).view(n, count)


@torch.no_grad()
def cross_entropy(
    model: LatentModel, controller: ContinuousController, latent: Latent, gamma: float, planning: Planning
) -> Tensor:
    """Return the first action (n, size) in [-1, 1] of the best sequences found by the cross-entropy method.

    Sequences are drawn around the controller's present action and clipped to [-1, 1]; the mean of the best, and their
    deviation, are what the next are drawn from.
    """
    n, size, samples = len(latent.z), controller.size, planning.num_action_samples
    now = controller.vectors(controller.preferences(latent.features))
    mean = now[:, None].repeat(1, planning.horizon, 1)
    std = torch.full_like(mean, INITIAL_STD)
    many = latent.repeat(samples)
    for _ in range(planning.iterations):
        noise = torch.randn(n, samples, planning.horizon, size, device=mean.device)
        drawn = (mean[:, None] + std[:, None] * noise).clamp(-1, 1)
        worth = plan_value(model, controller, many, drawn.flatten(0, 1).unbind(1), gamma).view(n, samples)
        elites = worth.topk(min(planning.elites, samples), dim=1).indices
        best = drawn.gather(1, elites[:, :, None, None].expand(-1, -1, planning.horizon, size))
        mean, std = best.mean(1), best.std(1, correction=0).clamp_min(0.05)
    return mean[:, 0]
