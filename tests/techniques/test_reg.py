"""Decoupled weight decay: equal to AdamW's, and it shrinks what every learner learns."""

import pytest
import torch

from rlsuite.algos.a2c import A2C
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.reg import Reg


def agent(technique, cls=PPO, **arguments):
    arguments = ({"n_steps": 16, "batch_size": 16} if cls is PPO else {}) | arguments
    return cls(task=CartPole(reward=EnvReward()), technique=technique, seed=0, **arguments)


def test_is_adamw_on_matrices():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(3, 2, bias=False)
    theirs.load_state_dict(ours.state_dict())
    ours.optimizer = torch.optim.Adam(ours.parameters(), lr=0.01)
    Reg(weight_decay=0.3).attach(ours)
    decoupled = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.3)
    for _ in range(5):
        x = torch.randn(4, 3)
        for net, optimizer in ((ours, ours.optimizer), (theirs, decoupled)):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


@pytest.mark.parametrize("cls", [PPO, A2C, DQN])
def test_shrinks_the_weights_of_every_learner(cls):
    techniques = (Baseline(), Reg(weight_decay=50.0), Reg(weight_decay=0.0))
    plain, decayed, tiny = (agent(technique, cls).learn(800) for technique in techniques)
    size = [sum(p.norm() for p in one.policy.parameters() if p.ndim > 1) for one in (plain, decayed, tiny)]
    assert size[1] < 0.95 * size[0]
    assert all(map(torch.equal, plain.policy.state_dict().values(), tiny.policy.state_dict().values()))


def test_without_gradient_moves_only_matrices():
    learner = agent(Reg(weight_decay=1.0), learning_rate=0.5)
    before = {name: value.clone() for name, value in learner.policy.state_dict().items()}
    for parameter in learner.policy.parameters():
        parameter.grad = torch.zeros_like(parameter)
    learner.policy.optimizer.step()
    for name, value in learner.policy.state_dict().items():
        torch.testing.assert_close(value, before[name] * (0.5 if value.ndim > 1 else 1.0))
