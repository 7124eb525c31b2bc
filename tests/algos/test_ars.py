"""Augmented random search: sb3-contrib's, bit for bit; it counts every step; it learns."""

import numpy as np
import sb3_contrib
from upstream import assert_equal_parameters

from rlsuite.algos.ars import ARS
from rlsuite.envs.cartpole import CartPole
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.dr import DR


def ars(technique, **arguments):
    return ARS(task=CartPole(reward=EnvReward()), technique=technique, seed=1, **arguments)


def test_parameters_equal_upstream() -> None:
    settings = {"n_envs": 1, "n_delta": 4, "n_top": 2}
    assert_equal_parameters(ARS, sb3_contrib.ARS, 2000, policy="LinearPolicy", **settings)


def test_counts_each_step_of_each_env_once() -> None:
    agent = ars(DR(), n_envs=3, n_delta=1)
    agent.learn(1)
    assert agent.num_timesteps == sum(episode["l"] for episode in agent.ep_info_buffer)
    assert len(agent.ep_info_buffer) == 2 * 3  # members x envs
    assert agent.env.venv.env_levels.tolist() == [0.0, 0.25, 0.5]


def test_a_linear_policy_learns_to_balance() -> None:
    agent = ars(Baseline(), n_envs=2, n_delta=8)
    agent.learn(20_000)
    returns = evaluate_level(agent, CartPole(reward=EnvReward()), 0.0, 8, 4, 0)["greedy"]["returns"]
    assert np.mean(returns) > 150  # random play survives 22 steps
