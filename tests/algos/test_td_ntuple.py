"""TD n-tuple: learns far beyond random within seconds, stays legal, continues exactly, and says what it needs."""

import numpy as np
import pytest

from rlsuite.algos.td_ntuple import TDNTuple
from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.envs.game2048.task import Game2048
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline

SMALL = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 4, 5], [1, 2, 5, 6], [5, 6, 9, 10]]


@pytest.fixture
def task() -> Game2048:
    return Game2048(reward=MergeScore())


def agent_on(task: Game2048, seed: int = 0, **more) -> TDNTuple:
    return TDNTuple(task=task, technique=Baseline(), seed=seed, n_envs=64, n_steps=50, patterns=SMALL, **more)


def test_learns_far_beyond_random(task: Game2048) -> None:
    """Random scores about 1,100; 300,000 moves give 5,000 and more, so 3,500 leaves room."""
    agent = agent_on(task)
    agent.learn(300_000)
    played = play_episodes(agent, task.vec_env([0.0], 50, seed=9), 50, deterministic=True, seed=0)
    assert np.mean(played["score"]) > 3500
    assert not any(played["illegal_moves"])


def test_a_restored_agent_goes_on_exactly(task: Game2048, tmp_path) -> None:
    first, second = agent_on(task), agent_on(task, seed=1)
    first.learn(64 * 100)
    write_tree(tmp_path / "tree", first.get_state())
    second.set_state(read_tree(tmp_path / "tree"))
    for agent in (first, second):
        agent.learn(64 * 150, reset_num_timesteps=False)
    assert first.num_timesteps == second.num_timesteps == 64 * 250
    ours, theirs = first.parameters_tree(), second.parameters_tree()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_chooses_the_move_of_most_points_and_value(task: Game2048) -> None:
    agent = agent_on(task)
    env = task.vec_env([0.0], 100, seed=0)
    observations = env.reset()
    after, gains, legal = task.afterstates(observations)
    actions, values, chosen = agent.choose(observations)  # nothing learned yet: the points alone
    envs = np.arange(100)
    assert legal[envs, actions].all()
    assert np.array_equal(values, np.where(legal, gains, -1).max(axis=1))
    assert np.array_equal(chosen, after[envs, actions])


def test_a_lost_game_is_worth_nothing_more(task: Game2048) -> None:
    agent = agent_on(task)
    agent.before[:] = np.arange(64).astype(np.uint64) << np.uint64(20)
    agent.waiting[:], agent.ended[:] = True, True
    agent._learn_before(np.full(64, 100.0))
    assert not any(weights.any() for weights in agent.network.weights)


def test_saved_model_is_a_numpy_archive_without_pickles(task: Game2048, tmp_path) -> None:
    agent = agent_on(task)
    agent.learn(64 * 50)
    agent.save(tmp_path / "model.zip")
    saved = np.load(tmp_path / "model.zip", allow_pickle=False)
    assert np.array_equal(saved["weights0"], agent.parameters_tree()["weights0"])


def test_needs_an_env_that_gives_afterstates() -> None:
    assert not find_problems(compose(["env=game2048", "algo=td_ntuple"]))
    (problem,) = find_problems(compose(["env=cartpole", "algo=td_ntuple"]))
    assert "afterstate" in problem
