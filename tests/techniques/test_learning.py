"""Every technique with every learner: it trains, logs the same keys, and resumes exactly."""

from itertools import product

import pytest
import torch
from agents import make

from rlsuite.algos.a2c import A2C
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.chain import Chain
from rlsuite.techniques.dr import DR
from rlsuite.techniques.dropout import Dropout
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.mask import Mask
from rlsuite.techniques.reg import Reg
from rlsuite.techniques.vrex import VREx

TECHNIQUES = {
    "reg": Reg,
    "dropout": Dropout,
    "dr": DR,
    "gar": GAR,
    "mask": Mask,
    "vrex": VREx,
    "gar+reg": lambda: Chain({"gar": GAR(), "reg": Reg()}),
    "dropout+gar": lambda: Chain({"dropout": Dropout(), "gar": GAR(against="others")}),
}
LEARNERS = {
    "ppo": (PPO, {"n_envs": 6, "n_steps": 16, "batch_size": 32, "n_epochs": 2}),
    "a2c": (A2C, {"n_envs": 6}),
    "dqn": (DQN, {"n_envs": 3, "learning_starts": 90, "buffer_size": 200, "target_update_interval": 60}),
}


def learner(algo, technique):
    cls, arguments = LEARNERS[algo]
    return make(
        cls, task=CartPole(reward=EnvReward()), technique=TECHNIQUES[technique](), seed=1, **arguments
    )


@pytest.mark.parametrize(("algo", "technique"), list(product(LEARNERS, TECHNIQUES)))
def test_trains_and_resumes_exactly(algo, technique, tmp_path):
    whole = learner(algo, technique)
    before = {name: value.clone() for name, value in whole.policy.state_dict().items()}
    whole.learn(384)
    write_tree(tmp_path / "saved", {"agent": whole.get_state(), "rng": get_rng_state()})
    whole.learn(384, reset_num_timesteps=False)
    seed_everything(99)
    resumed = learner(algo, technique)
    resumed.learn(1)  # makes the logger and the env's first observation
    saved = read_tree(tmp_path / "saved")
    resumed.set_state(saved["agent"])
    set_rng_state(saved["rng"])
    resumed.learn(384, reset_num_timesteps=False)
    for name, value in whole.policy.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, resumed.policy.state_dict()[name]), name
    assert any(not torch.equal(value, whole.policy.state_dict()[name]) for name, value in before.items())


def test_envs_play_the_levels_of_the_technique():
    env = learner("ppo", "gar").env.venv
    assert env.env_levels.tolist() == [0.0, 0.25, 0.5] * 2


def test_metrics_of_a_split_minibatch_are_those_of_the_whole():
    agent = learner("ppo", "vrex")
    agent.learn(96)
    batch = next(agent.rollout_buffer.get(64))
    split = agent.compute_gradient(agent._loss(batch), batch.domains)
    _, whole = agent._loss(batch)(slice(None))
    for name, value in whole.items():
        torch.testing.assert_close(split[name], value, rtol=1e-4, atol=1e-6)
