"""A2C: Stable-Baselines3's, bit for bit; and a known optimum."""

import pytest
import stable_baselines3 as sb3
from agents import make
from echo import Echo, right_answers
from upstream import assert_equal_parameters, assert_loads

from rlsuite.algos.a2c import A2C
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


@pytest.mark.parametrize("rms_prop", [True, False])
def test_parameters_equal_upstream(rms_prop: bool) -> None:
    settings = {"ent_coef": 0.01, "normalize_advantage": True, "use_rms_prop": rms_prop}
    assert_equal_parameters(A2C, sb3.A2C, 2000, n_envs=4, **settings)


def test_saved_model_loads_in_plain_sb3(tmp_path) -> None:
    agent = make(A2C, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_envs=2)
    assert_loads(sb3.A2C, agent.learn(100), tmp_path / "model.zip")


def test_finds_a_known_optimum() -> None:
    agent = make(A2C, task=Echo(), technique=Baseline(), seed=0, n_envs=8, gamma=0.0, learning_rate=3e-3)
    assert right_answers(agent.learn(4000)) == 1.0
