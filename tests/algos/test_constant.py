"""The same action at every step."""

import numpy as np
import pytest

from rlsuite.algos.constant import Constant
from rlsuite.config.settings import compose_settings
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.sprites.task import Sprites
from rlsuite.experiment.run import run
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


@pytest.mark.parametrize("value", [0, 1])
def test_discrete_actions_are_the_index(value: int) -> None:
    agent = Constant(task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, value=value)
    actions, state = agent.predict(np.zeros((3, 4)))
    assert actions.tolist() == [value] * 3
    assert actions.dtype == np.int64
    assert agent.predict(np.ones((3, 4)), state)[0].tolist() == [value] * 3


def test_box_actions_have_the_value_in_every_place() -> None:
    agent = Constant(task=Sprites(reward=EnvReward()), technique=Baseline(), seed=0, value=-0.25)
    assert agent.predict(np.zeros((2, 9)))[0].tolist() == [[-0.25, -0.25]] * 2


def test_pushing_one_way_lets_the_pole_fall_at_once(tmp_path) -> None:
    """A constant push tips CartPole's pole over in eight to eleven steps, whatever the start."""
    settings = ["algo=constant", "algo.value=1", "total_steps=1", "evaluation.levels=[0]", "best_models=null"]
    result = run(compose_settings(["env=cartpole", *settings]), tmp_path)
    (level,) = result.levels
    assert {8, 9, 10, 11} >= set(level["greedy"]["returns"])
    assert level["greedy"]["returns"] == level["sampled"]["returns"]
