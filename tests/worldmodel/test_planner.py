"""Plans against brute force, in models whose future is known."""

import itertools

import pytest
import torch
from gymnasium import spaces
from torch import nn

from rlsuite.worldmodel.controller import ContinuousController, DiscreteController, log_slope
from rlsuite.worldmodel.memory import MemoryState
from rlsuite.worldmodel.model import Latent
from rlsuite.worldmodel.planner import Planning, cross_entropy, plan_value, try_all

GAMMA = 0.9


class Walk:
    """A point z (n, 1) that actions move: discrete ones by -1 or 1, continuous ones by themselves; reward -|z|, stays with .8."""

    def imagine(self, latent: Latent, actions: torch.Tensor) -> tuple[Latent, torch.Tensor, torch.Tensor]:
        move = actions[:, 1:] - actions[:, :1] if actions.shape[1] == 2 else actions
        z = latent.z + move
        return latent._replace(z=z), -z[:, 0].abs(), torch.full_like(z[:, 0], 0.8)


def at(*places: float) -> Latent:
    n = len(places)
    none = torch.zeros(0, n, 1, 1, 1)
    return Latent(torch.tensor(places)[:, None], torch.zeros(n, 0), MemoryState(none, none, torch.zeros(n)))


def left_runner() -> DiscreteController:
    """A controller that likes 0, a step to the left, and values a place at 10 z."""
    controller = DiscreteController(1, [], spaces.Discrete(2))
    with torch.no_grad():
        controller.actor[0].weight.zero_()
        controller.actor[0].bias.copy_(torch.tensor([1.0, 0.0]))
        controller.critic[0].weight.fill_(10.0)
    return controller


@pytest.mark.parametrize("horizon", [1, 2, 4])
def test_every_action_is_followed_by_the_controllers_choice_and_valued_at_the_end(horizon: int) -> None:
    for place in (-2.0, 0.5):
        expected = []
        for first in (-1, 1):
            z, total, weight = place, 0.0, 1.0
            for move in [first, *[-1] * (horizon - 1)]:
                z += move
                total += weight * -abs(z)
                weight *= GAMMA * 0.8
            expected.append(total + weight * 10 * z)
        found = try_all(Walk(), left_runner(), at(place, 7.0), GAMMA, horizon)
        assert found.shape == (2, 2)
        torch.testing.assert_close(found[0], torch.tensor(expected))


def test_sequences_are_worth_what_brute_force_says() -> None:
    controller = left_runner()
    for moves in itertools.product((0, 1), repeat=3):
        z, total, weight = 0.3, 0.0, 1.0
        for move in moves:
            z += 2 * move - 1
            total, weight = total - weight * abs(z), weight * GAMMA * 0.8
        actions = [torch.eye(2)[[move]] for move in moves]
        assert plan_value(Walk(), controller, at(0.3), actions, GAMMA).item() == pytest.approx(
            total + weight * 10 * z, abs=1e-5
        )


def test_cross_entropy_finds_the_best_first_action() -> None:
    torch.manual_seed(0)
    controller = ContinuousController(1, [64], spaces.Box(-1, 1, (1,)))
    nn.init.zeros_(controller.critic[-1].weight)
    planning = Planning(horizon=2, num_action_samples=64, iterations=6, elites=6)
    found = cross_entropy(Walk(), controller, at(-0.6, 0.0, 0.4, 5.0), GAMMA, planning)
    torch.testing.assert_close(found[:, 0], torch.tensor([0.6, 0.0, -0.4, -1.0]), atol=0.08, rtol=0)


def test_density_of_squashed_actions_integrates_to_one() -> None:
    controller = ContinuousController(1, [64], spaces.Box(-1, 1, (1,)))
    actions = torch.linspace(-0.9999, 0.9999, 200_001, dtype=torch.float64)
    u = actions.atanh()[:, None]
    distribution = controller.distribution(torch.full_like(u, 0.3))
    density = controller.log_prob(distribution, u).exp().detach()
    assert torch.trapezoid(density, actions).item() == pytest.approx(1, abs=1e-3)


def test_entropy_of_squashed_actions_has_the_right_mean_and_slope() -> None:
    """By quadrature: the entropy, and that a mean far out lowers it."""
    torch.manual_seed(0)
    controller = ContinuousController(1, [64], spaces.Box(-1, 1, (1,)))
    mean = torch.full((200_000, 1), 0.7, requires_grad=True)
    estimate = controller.entropy(controller.distribution(mean)).mean()
    estimate.backward()
    u = torch.linspace(-8, 10, 100_001, dtype=torch.float64)

    def exact(centre: float) -> float:
        normal = torch.distributions.Normal(
            torch.tensor(centre, dtype=torch.float64), controller.log_std.exp().double()
        )
        weight = normal.log_prob(u).exp()
        return torch.trapezoid(weight * (log_slope(u) - normal.log_prob(u)), u).item()

    assert estimate.item() == pytest.approx(exact(0.7), abs=0.01)
    assert mean.grad.sum().item() == pytest.approx((exact(0.71) - exact(0.69)) / 0.02, abs=0.02)


def test_actions_come_out_squashed_once_and_within_the_bounds() -> None:
    controller = ContinuousController(1, [64], spaces.Box(0.0, 4.0, (2,)))
    u = torch.tensor([[0.0, 0.5], [-50.0, 50.0]])
    torch.testing.assert_close(controller.env_actions(u), 2 + 2 * u.tanh())
    torch.testing.assert_close(controller.choices(controller.vectors(u[:1])), u[:1])
    assert controller.choices(torch.tensor([[1.0, -1.0]])).isfinite().all()
