"""QR-DQN: sb3-contrib's, bit for bit; it masks; and a known optimum."""

import numpy as np
import sb3_contrib
from agents import make
from echo import Echo, right_answers
from upstream import assert_equal_parameters

from rlsuite.algos.qrdqn import QRDQN
from rlsuite.envs.game2048.task import Game2048
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.techniques.baseline import Baseline

SMALL = {
    "learning_starts": 200,
    "buffer_size": 600,
    "target_update_interval": 100,
    "exploration_fraction": 0.5,
}


def test_parameters_equal_upstream() -> None:
    more = {"n_steps": 2, "exploration_final_eps": 0.05, "max_grad_norm": 5.0}
    assert_equal_parameters(QRDQN, sb3_contrib.QRDQN, 1000, n_envs=2, **SMALL, **more)


def test_never_takes_an_illegal_move() -> None:
    task = Game2048(reward=MergeScore())
    agent = make(QRDQN, task=task, technique=Baseline(), seed=0, n_envs=4, learning_starts=40, n_quantiles=4)
    agent.learn(400)
    observations = agent.env.reset()
    legal = task.legal_actions(observations)
    for deterministic in (True, False):
        actions, _ = agent.predict(observations, deterministic=deterministic)
        assert legal[np.arange(4), actions].all()


def test_finds_a_known_optimum() -> None:
    arguments = {"gamma": 0.0, "learning_rate": 3e-3, "n_quantiles": 8, **SMALL}
    agent = make(QRDQN, task=Echo(), technique=Baseline(), seed=0, n_envs=2, **arguments)
    assert right_answers(agent.learn(1500)) == 1.0
