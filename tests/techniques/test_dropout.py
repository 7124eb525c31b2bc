"""Dropout in the update alone; nothing of it is in the saved model."""

import stable_baselines3 as sb3
import torch

from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.dropout import Dropout


def agent(technique, cls=PPO, **arguments):
    arguments = ({"n_steps": 16, "batch_size": 16} if cls is PPO else {}) | arguments
    return cls(task=CartPole(reward=EnvReward()), technique=technique, seed=0, **arguments)


def test_acts_in_the_update_only_and_spares_the_critic():
    learner = agent(Dropout(rate=0.5))
    x = torch.ones(1, 4)
    learner.policy.set_training_mode(True)
    actor = [learner.policy.mlp_extractor.forward_actor(x) for _ in range(2)]
    critic = [learner.policy.mlp_extractor.forward_critic(x) for _ in range(2)]
    assert not torch.equal(*actor)
    assert torch.equal(*critic)
    learner.policy.set_training_mode(False)
    assert torch.equal(*(learner.policy.mlp_extractor.forward_actor(x) for _ in range(2)))


def test_reaches_the_q_network():
    learner = agent(Dropout(rate=0.5), DQN)
    learner.policy.set_training_mode(True)
    assert not torch.equal(*(learner.q_net(torch.ones(1, 4)) for _ in range(2)))
    assert torch.equal(*(learner.q_net_target(torch.ones(1, 4)) for _ in range(2)))


def test_saved_model_knows_nothing_of_the_technique(tmp_path):
    learner = agent(Dropout())
    learner.learn(256)
    learner.save(tmp_path / "model.zip")
    plain = sb3.PPO.load(tmp_path / "model.zip")
    assert all(map(torch.equal, plain.policy.state_dict().values(), learner.policy.state_dict().values()))


def test_zeroes_its_share_of_the_units_and_scales_up_the_rest() -> None:
    learner = agent(Dropout(rate=0.25))
    learner.policy.set_training_mode(True)
    whole = torch.nn.Tanh()(learner.policy.mlp_extractor.policy_net[0](torch.ones(4000, 4)))
    dropped = learner.policy.mlp_extractor.policy_net[:2](torch.ones(4000, 4))
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], whole[kept] / 0.75)
    assert abs(float(kept.float().mean()) - 0.75) < 0.01
