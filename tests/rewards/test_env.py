"""The env's own reward."""

import gymnasium as gym
import numpy as np
import pytest

from rlsuite.core.interfaces import Transition
from rlsuite.envs.gym.task import Gym
from rlsuite.rewards.env import EnvReward


def test_is_what_the_env_paid() -> None:
    paid = np.array([1.5, -2.0, 0.0])
    transition = Transition(paid, np.array([False, True, False]))
    assert EnvReward()(transition).tolist() == paid.tolist()
    assert EnvReward().terms(transition) == {}


def test_passes_gymnasiums_rewards_through() -> None:
    ours, theirs = (
        Gym(reward=EnvReward(), id="Pendulum-v1").vec_env([0.0], 1, seed=5),
        gym.make("Pendulum-v1"),
    )
    first = ours.reset()
    theirs.reset()
    theirs.unwrapped.state = np.array([np.arctan2(first[0, 1], first[0, 0]), first[0, 2]])
    for push in (-2.0, 0.5, 2.0):
        action = np.array([push], dtype=np.float32)
        assert ours.step(action[None])[1][0] == pytest.approx(theirs.step(action)[1], abs=1e-4)
