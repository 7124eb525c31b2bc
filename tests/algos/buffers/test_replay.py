"""n-step returns of the replay buffer, by hand and over its ring; observation scaling."""

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from agents import make
from gymnasium import spaces

from rlsuite.algos.buffers.replay import DomainReplayBuffer
from rlsuite.algos.common.probe import Probe
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.core.errors import UserError
from rlsuite.envs.cartpole import CartPole
from rlsuite.networks.scaled import Scaled
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

SCALE = [2.4, 2.0, 0.21, 2.0]


def buffer(size, n_envs=1, n_steps=3, gamma=0.5):
    box = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    return DomainReplayBuffer(
        size * n_envs, box, spaces.Discrete(2), "cpu", n_envs, n_domains=n_envs, n_steps=n_steps, gamma=gamma
    )


def fill(ring, rewards, ends=(), timeouts=()):
    for step, reward in enumerate(rewards):
        column = np.full((ring.n_envs, 1), float(step))
        infos = [{"TimeLimit.truncated": step in timeouts}] * ring.n_envs
        done = np.full(ring.n_envs, step in ends or step in timeouts)
        ring.add(column, column + 1, np.zeros(ring.n_envs), np.full(ring.n_envs, reward), done, infos)


def test_sums_stop_at_ends_timeouts_and_the_newest_transition():
    ring = buffer(10)
    fill(ring, [1, 2, 4, 8, 16, 32, 64], ends={2}, timeouts={5})
    found = ring.all_samples()
    # rewards r0 + r1/2 + r2/4 as far as the episode goes; step 6 is the newest
    assert found.rewards.flatten().tolist() == [3.0, 4.0, 4.0, 24.0, 32.0, 32.0, 64.0]
    assert found.discounts.flatten().tolist() == [0.125, 0.25, 0.5, 0.125, 0.25, 0.5, 0.5]
    assert found.dones.flatten().tolist() == [1, 1, 1, 0, 0, 0, 0]  # a time-out is no end
    assert found.next_observations.flatten().tolist() == [3, 3, 3, 6, 6, 6, 7]


def test_a_full_ring_never_joins_the_newest_to_the_oldest():
    ring = buffer(5)
    fill(ring, [1] * 12)
    found = ring.all_samples()
    order = found.observations.flatten().argsort()
    assert found.observations.flatten()[order].tolist() == [7, 8, 9, 10, 11]
    assert found.rewards.flatten()[order].tolist() == [1.75, 1.75, 1.75, 1.5, 1.0]


def test_every_env_has_its_own_returns():
    ring = buffer(8, n_envs=3)
    fill(ring, [1, 1, 1])
    found = ring.all_samples()
    assert found.domains.tolist() == [0, 1, 2] * 3
    assert found.rewards.flatten().tolist() == [1.75] * 3 + [1.5] * 3 + [1.0] * 3


@pytest.mark.parametrize("n_steps", [1, 3])
def test_probes_see_what_the_learner_replays(n_steps):
    agent = make(
        DQN, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_steps=n_steps, gamma=0.5
    )
    agent.learn(8)
    probe = Probe(CartPole(reward=EnvReward()), [0.0, 1.0], envs=1, n_steps=4, seed=0)
    samples = agent.probe_samples(probe)
    assert samples.domains.tolist() == [0, 1, 2, 3] * 4
    assert samples.rewards.flatten()[:4].tolist() == [1.0 if n_steps == 1 else 1.75] * 4
    assert agent.probe_gram(probe).shape == (4, 4)


@pytest.mark.parametrize("algo", [PPO, DQN])
def test_scaled_observations_divide_what_the_network_sees(algo, tmp_path):
    arguments = {"task": CartPole(reward=EnvReward()), "technique": Baseline(), "seed": 0, "n_envs": 2}
    scaled, plain = make(algo, **arguments, observation_scale=SCALE), make(algo, **arguments)
    missing, _ = plain.policy.load_state_dict(scaled.policy.state_dict(), strict=False)
    assert not missing
    states = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    inputs = scaled.policy.obs_to_tensor(states)[0], plain.policy.obs_to_tensor(states / np.float32(SCALE))[0]
    net = "q_net" if algo is DQN else "predict_values"
    torch.testing.assert_close(getattr(scaled.policy, net)(inputs[0]), getattr(plain.policy, net)(inputs[1]))
    scaled.save(tmp_path / "model.zip")
    loaded = getattr(sb3, algo.__name__).load(tmp_path / "model.zip")
    assert np.array_equal(
        loaded.predict(states, deterministic=True)[0], scaled.predict(states, deterministic=True)[0]
    )


def test_a_scale_must_fit_the_observations():
    box = spaces.Box(-1, 1, (4,))
    assert Scaled(box, [2.0])(torch.ones(1, 4)).tolist() == [[0.5] * 4]
    with pytest.raises(UserError, match="1 or 4 numbers"):
        Scaled(box, [1.0, 2.0])
