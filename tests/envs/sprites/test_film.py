"""An episode of sprites as a film, with the critic's values."""

import numpy as np
import pytest
from agents import make
from PIL import Image

from rlsuite.algos.ppo import PPO
from rlsuite.algos.random import Random
from rlsuite.envs.sprites.film import discounted, record
from rlsuite.envs.sprites.task import Sprites
from rlsuite.experiment.plots import save_pictures
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


def test_discounted_by_hand():
    rewards = np.array([[1.0, 0.0], [2.0, 4.0], [4.0, 8.0]])
    assert np.array_equal(discounted(rewards, 0.5), [[3, 4], [4, 8], [4, 8]])
    assert np.array_equal(discounted(rewards, 0.0), rewards)


@pytest.mark.parametrize("observation", ["state", "image"])
def test_the_film_shows_what_the_policy_sees_and_the_critic_says(observation, tmp_path):
    task = Sprites(reward=EnvReward(), observation=observation)
    agent = make(
        PPO,
        task=task,
        technique=Baseline(),
        seed=0,
        n_envs=2,
        n_steps=8,
        batch_size=8,
        encoder="scratch" if observation == "image" else None,
    )
    envs = task.vec_env([0.0, 1.0], 2, 3)
    pictures, values, rewards = record(envs, agent, 40)
    assert np.array_equal(values[0], agent.values(task.vec_env([0.0, 1.0], 2, 3).reset()))
    assert pictures.shape == (40, 2, 64, 64)
    assert pictures[0].max() == 255
    assert ((rewards >= 0) & (rewards <= 1)).all()
    film = task.pictures(agent)["episode"]
    assert film.shape[0] == 40
    assert film.dtype == np.uint8
    (file,) = save_pictures({"episode": film}, tmp_path)
    assert file.name == "episode.gif"
    assert Image.open(file).n_frames == 40


def test_an_agent_without_a_critic_is_filmed_too():
    task = Sprites(reward=EnvReward())
    film = task.pictures(Random(task=task, technique=Baseline(), seed=0))["episode"]
    assert film.shape[-1] == 3
