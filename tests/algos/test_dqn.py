"""DQN: Stable-Baselines3's, bit for bit, also with n-step returns; and a known optimum."""

import pytest
import stable_baselines3 as sb3
from agents import make
from echo import Echo, right_answers
from upstream import assert_equal_parameters, assert_loads

from rlsuite.algos.dqn import DQN
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

SMALL = {
    "learning_starts": 200,
    "buffer_size": 600,
    "target_update_interval": 100,
    "exploration_fraction": 0.5,
}


@pytest.mark.parametrize("more", [{}, {"n_steps": 3, "gamma": 0.9}], ids=["one_step", "n_steps"])
def test_parameters_equal_upstream(more: dict) -> None:
    assert_equal_parameters(DQN, sb3.DQN, 3000, n_envs=2, **SMALL, **more)


def test_saved_model_loads_in_plain_sb3(tmp_path) -> None:
    agent = make(DQN, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_envs=2, **SMALL)
    assert_loads(sb3.DQN, agent.learn(300), tmp_path / "model.zip")


def test_finds_a_known_optimum() -> None:
    agent = make(
        DQN, task=Echo(), technique=Baseline(), seed=0, n_envs=2, gamma=0.0, learning_rate=3e-3, **SMALL
    )
    assert right_answers(agent.learn(1500)) == 1.0
