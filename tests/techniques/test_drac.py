"""drac: the shift by hand, the added loss, and that it acts in the update only."""

import numpy as np
import pytest
import torch
from agents import make
from gymnasium import spaces

from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Task
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.chain import Chain
from rlsuite.techniques.drac import DrAC, random_shift
from rlsuite.techniques.gar import GAR


class Pictures(BatchedVecEnv):
    """Noise of 2 channels, 12 x 12; 10 steps an episode."""

    state_arrays = ("elapsed",)

    def _start(self, envs):
        self.elapsed = getattr(self, "elapsed", np.zeros(self.num_envs, dtype=int))
        self.elapsed[envs] = 0

    def _advance(self, actions):
        self.elapsed += 1
        ends = self.elapsed >= 10
        return np.ones(self.num_envs), ends, np.zeros_like(ends), {}

    def _observe(self):
        return np.stack([rng.random((2, 12, 12), dtype=np.float32) for rng in self.rngs])


class PictureTask(Task):
    def __init__(self, actions=None):
        self.actions = actions or spaces.Discrete(3)

    def vec_env(self, levels, n_envs, seed):
        env = Pictures(levels, n_envs, spaces.Box(0, 1, (2, 12, 12), np.float32), self.actions)
        env.seed(seed)
        return env


def ppo(technique, **arguments):
    arguments = {
        "task": PictureTask(),
        "n_envs": 3,
        "n_steps": 16,
        "batch_size": 24,
        "n_epochs": 1,
    } | arguments
    return make(PPO, technique=technique, seed=0, features_dim=16, **arguments)


def test_a_shift_moves_each_image_and_repeats_the_border():
    torch.manual_seed(0)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    found = {tuple(random_shift(image, 1)[0, 0].flatten().tolist()) for _ in range(200)}
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")[0, 0]
    crops = {tuple(padded[i : i + 4, j : j + 4].flatten().tolist()) for i in range(3) for j in range(3)}
    assert found == crops
    batch = torch.rand(64, 3, 8, 8)
    moved = random_shift(batch, 4)
    assert moved.shape == batch.shape
    assert not torch.equal(moved, batch)


@pytest.mark.parametrize("actions", [spaces.Discrete(3), spaces.Box(-1, 1, (2,))], ids=["discrete", "box"])
def test_the_distance_is_kl_plus_squared_value_error_and_only_the_shifted_side_learns(actions, monkeypatch):
    technique = DrAC(weight=1.0)
    agent = ppo(technique, task=PictureTask(actions))
    images, other = torch.rand(5, 2, 12, 12), torch.rand(5, 2, 12, 12)
    monkeypatch.setattr("rlsuite.techniques.drac.random_shift", lambda images, padding: other)
    distance = technique._distance(images)
    clean, shifted = agent.policy.get_distribution(images), agent.policy.get_distribution(other)
    kl = (
        torch.distributions.kl_divergence(clean.distribution, shifted.distribution)
        .reshape(5, -1)
        .sum(1)
        .mean()
    )
    error = (agent.policy.predict_values(images) - agent.policy.predict_values(other)).square().mean()
    torch.testing.assert_close(distance, kl + error)
    target = agent.policy.predict_values(images).detach()
    found = torch.autograd.grad(distance, agent.policy.value_net.weight)[0]
    alone = (agent.policy.predict_values(other) - target).square().mean()
    torch.testing.assert_close(found, torch.autograd.grad(alone, agent.policy.value_net.weight)[0])


@pytest.mark.parametrize(
    "technique",
    [lambda: DrAC(weight=5.0), lambda: Chain({"drac": DrAC(), "gar": GAR()})],
    ids=["drac", "drac+gar"],
)
def test_learners_train_with_it(technique):
    agent = ppo(technique())
    before = agent.parameters_tree()["value_net.weight"].copy()
    agent.learn(96)
    assert not np.array_equal(before, agent.parameters_tree()["value_net.weight"])
    assert all(np.isfinite(value).all() for value in agent.parameters_tree().values())


def test_a_chain_adds_the_same_loss():
    alone, chained = (
        ppo(technique).learn(48).parameters_tree() for technique in (DrAC(), Chain({"drac": DrAC()}))
    )
    assert all(np.array_equal(alone[name], chained[name]) for name in alone)


def test_a_q_network_sees_shifted_images_in_the_update_only():
    agent = make(
        DQN,
        task=PictureTask(),
        technique=DrAC(),
        seed=0,
        n_envs=1,
        learning_starts=10,
        buffer_size=100,
        features_dim=16,
    )
    agent.learn(60)
    images = torch.rand(4, 2, 12, 12)
    for net, training, same in (
        (agent.q_net, True, False),
        (agent.q_net, False, True),
        (agent.q_net_target, False, True),
    ):
        net.set_training_mode(training)
        assert torch.equal(net(images), net(images)) == same


def test_vectors_are_refused():
    with pytest.raises(UserError, match="shifts images"):
        make(PPO, task=CartPole(reward=EnvReward()), technique=DrAC(), seed=0)
