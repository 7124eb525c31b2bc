"""algo.fast: by hand is what the graph computes up to rounding, and only where it may be."""

import numpy as np
import pytest
import torch
from agents import make
from stable_baselines3.common.buffers import RolloutBuffer

from rlsuite.algos.accelerated.fast import HandUpdate
from rlsuite.algos.accelerated.written_out_gradient import HandBatched, Minibatch, Weights
from rlsuite.algos.ppo import PPO
from rlsuite.core.seeding import seed_everything
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.sprites.task import Sprites
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.dr import DR
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.reg import Reg

TASKS = {"discrete": CartPole, "continuous": Sprites}


def agent(task: str = "discrete", fast: bool = True, technique=None, **more) -> PPO:
    seed_everything(3)
    settings = {
        "n_envs": 6,
        "n_steps": 32,
        "batch_size": 48,
        "n_epochs": 3,
        "ent_coef": 0.02,
        "learning_rate": 3e-3,
    }
    return make(
        PPO,
        task=TASKS[task](reward=EnvReward()),
        technique=technique or Baseline(),
        seed=3,
        fast=fast,
        **(settings | more),
    )


def filled(learner: PPO) -> PPO:
    """With a rollout, and a policy that has moved on since: ratios of 1 would hide half of the loss."""
    learner.learn(192)
    with torch.no_grad():
        for p in learner.policy.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    return learner


@pytest.mark.parametrize("task", TASKS)
def test_gradient_is_that_of_the_graph(task: str) -> None:
    learner = filled(agent(task))
    samples = next(RolloutBuffer.get(learner.rollout_buffer, 64))
    learner.policy.set_training_mode(True)
    loss, metrics = learner._loss(samples)(slice(None))
    loss.backward()
    hand = HandBatched(learner.policy)
    actions = samples.actions.long()[:, 0] if task == "discrete" else samples.actions
    advantages = (samples.advantages - samples.advantages.mean()) / (samples.advantages.std() + 1e-8)
    columns = (samples.observations, actions, samples.old_log_prob, advantages, samples.returns)
    shown = hand.differentiate(Minibatch(*(c.numpy() for c in columns)), Weights(0.2, 0.5, 0.02))
    graph = np.concatenate([p.grad.numpy().ravel() for p in hand.tensors])
    assert len(hand.tensors) == len(list(learner.policy.parameters()))
    np.testing.assert_allclose(hand.gradient, graph, rtol=2e-4, atol=2e-6 * np.abs(graph).max())
    for name, value in metrics.items():
        assert shown[name] == pytest.approx(float(value), rel=1e-3, abs=1e-6), name
    assert 0 < shown["clip_fraction"] < 1


@pytest.mark.parametrize("task", TASKS)
def test_an_update_is_that_of_the_graph(task: str) -> None:
    one, other = (filled(agent(task, fast)) for fast in (True, False))
    other.policy.load_state_dict(one.policy.state_dict())
    other.policy.optimizer.load_state_dict(one.policy.optimizer.state_dict())
    other.rollout_buffer = one.rollout_buffer
    before = one.policy.state_dict()["action_net.weight"].clone()
    for learner in (one, other):
        np.random.seed(5)
        learner.train()
    assert (before - one.policy.state_dict()["action_net.weight"]).abs().max() > 0.01
    for name, value in one.policy.state_dict().items():
        torch.testing.assert_close(value, other.policy.state_dict()[name], rtol=1e-3, atol=2e-4)
    moments = [[s["exp_avg_sq"] for s in learner.policy.optimizer.state.values()] for learner in (one, other)]
    for mine, theirs in zip(*moments, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_actions_are_drawn_from_the_policy(task: str) -> None:
    learner = filled(agent(task))
    seen = torch.as_tensor(learner.env.reset()[:1]).repeat(20_000, 1)
    with torch.no_grad(), learner.policy.acting_in_numpy():
        actions, values, log_prob = learner.policy(seen)
    with torch.no_grad():
        expected, known, _ = learner.policy.evaluate_actions(seen, actions)
        distribution = learner.policy.get_distribution(seen[:1]).distribution
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(log_prob, known, rtol=1e-4, atol=1e-5)
    if task == "discrete":
        assert actions.float().mean().item() == pytest.approx(distribution.probs[0, 1].item(), abs=0.015)
    else:
        torch.testing.assert_close(actions.mean(0), distribution.mean[0], rtol=0, atol=0.05)
        torch.testing.assert_close(actions.std(0), distribution.stddev[0], rtol=0.03, atol=0)


@pytest.mark.parametrize(
    ("technique", "more", "by_hand"),
    [
        (Baseline(), {}, True),
        (DR(), {}, True),
        (GAR(), {}, False),
        (Reg(), {}, False),
        (Baseline(), {"clip_range_vf": 0.2}, False),
        (Baseline(), {"observation_scale": [2.0]}, False),
    ],
)
def test_by_hand_only_what_the_hand_can(technique, more: dict, by_hand: bool) -> None:
    learner = agent(technique=technique, **more)
    assert learner.by_hand is by_hand
    assert bool(learner.policy.optimizer.param_groups[0]["fused"]) is not by_hand
    learner.learn(192)
    assert not agent(fast=False).by_hand


def test_an_update_stops_where_the_policy_has_moved_too_far() -> None:
    learner = filled(agent(target_kl=1e-6))
    hand, rows = HandUpdate(learner), []
    before = hand.hand.parameters.copy()
    assert not hand.take_step(next(hand.batches()), rows)
    assert len(rows) == 1
    assert (before == hand.hand.parameters).all()


@pytest.mark.slow
def test_learns_as_the_graph_does() -> None:
    for fast in (True, False):
        learner = agent(
            fast=fast, n_envs=12, n_steps=64, batch_size=128, n_epochs=10, learning_rate=1e-3, ent_coef=0.0
        )
        learner.learn(30_000)
        assert np.mean([e["r"] for e in learner.ep_info_buffer]) > 150
