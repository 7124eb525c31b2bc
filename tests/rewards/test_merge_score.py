"""The game's own score, by hand-computed numbers and over a whole game."""

import numpy as np
import transitions

from rlsuite.envs.game2048.task import Game2048
from rlsuite.rewards.merge_score import MergeScore


def test_is_the_points() -> None:
    assert MergeScore()(transitions.board(24)) == [24.0]
    assert MergeScore(combine_weight=0.5)(transitions.board(24)) == [12.0]


def test_the_return_of_a_game_without_illegal_moves_is_its_score() -> None:
    task = Game2048(reward=MergeScore())
    env, total = task.vec_env([0.0], 1, seed=0), 0.0
    observations, done = env.reset(), [False]
    while not done[0]:
        action = task.legal_actions(observations).argmax(axis=1)
        observations, rewards, done, infos = env.step(action)
        total += float(rewards[0])
    assert total == infos[0]["metrics"]["score"] > 0
    assert np.isfinite(total)
