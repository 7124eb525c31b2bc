"""PPO: Stable-Baselines3's, bit for bit; and a known optimum."""

import numpy as np
import pytest
import stable_baselines3 as sb3
from agents import make
from echo import Echo, right_answers
from upstream import assert_equal_parameters, assert_loads

from rlsuite.algos.ppo import PPO
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

CASES = {
    "plain": ({"n_envs": 4, "n_steps": 64, "batch_size": 32, "ent_coef": 0.01}, 1500),
    "kl_and_value_clip": ({"n_envs": 2, "n_steps": 64, "target_kl": 0.003, "clip_range_vf": 0.2}, 900),
}


@pytest.mark.parametrize("case", CASES)
def test_parameters_equal_upstream(case: str) -> None:
    arguments, steps = CASES[case]
    assert_equal_parameters(PPO, sb3.PPO, steps, **arguments)


def test_saved_model_loads_in_plain_sb3(tmp_path) -> None:
    task = CartPole(reward=EnvReward())
    ours = make(PPO, task=task, technique=Baseline(), seed=0, n_steps=16, n_envs=2, batch_size=8)
    plain = assert_loads(sb3.PPO, ours.learn(64), tmp_path / "model.zip")
    observations = task.vec_env([0.0], 5, seed=1).reset()
    actions = [agent.predict(observations, deterministic=True)[0] for agent in (plain, ours)]
    assert np.array_equal(*actions)


def test_finds_a_known_optimum() -> None:
    agent = make(
        PPO, task=Echo(), technique=Baseline(), seed=0, n_envs=8, n_steps=32, gamma=0.0, learning_rate=3e-3
    )
    assert right_answers(agent.learn(2048)) == 1.0
