"""Uniformly random actions, legal ones where the task tells which are."""

import numpy as np

from rlsuite.algos.random import Random
from rlsuite.core.seeding import seed_everything
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.game2048.task import Game2048
from rlsuite.envs.sprites.task import Sprites
from rlsuite.rewards.env import EnvReward
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.techniques.baseline import Baseline


def random(task):
    return Random(task=task, technique=Baseline(), seed=0)


def test_discrete_actions_are_equally_frequent() -> None:
    seed_everything(0)
    actions, _ = random(CartPole(reward=EnvReward())).predict(np.zeros((20_000, 4)))
    assert set(actions.tolist()) == {0, 1}
    assert abs(actions.mean() - 0.5) < 4 * 0.5 / np.sqrt(20_000)


def test_box_actions_fill_the_box() -> None:
    seed_everything(0)
    actions, _ = random(Sprites(reward=EnvReward())).predict(np.zeros((20_000, 9)))
    assert actions.shape == (20_000, 2)
    np.testing.assert_allclose(
        np.quantile(actions, [0, 0.25, 0.5, 0.75, 1]), [-1, -0.5, 0, 0.5, 1], atol=0.02
    )


def test_only_legal_moves_each_equally_often() -> None:
    seed_everything(0)
    task = Game2048(reward=MergeScore())
    board = task.vec_env([0.0], 1, seed=10).reset()
    legal = task.legal_actions(board)[0]
    assert 1 < legal.sum() < 4
    actions, _ = random(task).predict(board.repeat(6000, axis=0))
    share = np.bincount(actions, minlength=4) / 6000
    assert not share[~legal].any()
    np.testing.assert_allclose(share[legal], 1 / legal.sum(), atol=0.03)


def test_the_same_seed_draws_the_same() -> None:
    agent = random(CartPole(reward=EnvReward()))
    drawn = []
    for seed in (4, 4, 5):
        seed_everything(seed)
        drawn.append(agent.predict(np.zeros((50, 4)))[0].tolist())
    assert drawn[0] == drawn[1] != drawn[2]
