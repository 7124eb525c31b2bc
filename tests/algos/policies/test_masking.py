"""Masking: illegal actions have no probability, are never stored, chosen or bootstrapped from; other envs know nothing of it."""

import numpy as np
import pytest
import torch
from agents import make

from rlsuite.algos.a2c import A2C
from rlsuite.algos.dqn import DQN
from rlsuite.algos.policies.masking import ILLEGAL, replace_illegal
from rlsuite.algos.ppo import PPO
from rlsuite.algos.random import Random
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.game2048.task import Game2048
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.rewards.env import EnvReward
from rlsuite.rewards.log_score import LogScore
from rlsuite.techniques.baseline import Baseline

SMALL = {
    PPO: {"n_envs": 4, "n_steps": 32, "batch_size": 64, "n_epochs": 2},
    A2C: {"n_envs": 4},
    DQN: {"n_envs": 4, "learning_starts": 100, "buffer_size": 2000, "target_update_interval": 50},
}


@pytest.fixture
def task() -> Game2048:
    return Game2048(reward=LogScore())


def agent_of(algo: type, task: Game2048, **more):
    return make(algo, task=task, technique=Baseline(), seed=0, **SMALL[algo], features_dim=32, **more)


def states(task: Game2048, n: int = 200) -> np.ndarray:
    """Boards with illegal moves among the four."""
    env = task.vec_env([0.0], n, seed=1)
    observations = env.reset()
    assert not task.legal_actions(observations).all()
    return observations


@pytest.mark.parametrize("algo", [PPO, A2C])
def test_illegal_actions_have_no_probability(algo: type, task: Game2048) -> None:
    agent, observations = agent_of(algo, task), states(task)
    legal = task.legal_actions(observations)
    distribution = agent.policy.get_distribution(torch.as_tensor(observations)).distribution
    probabilities = distribution.probs.detach().numpy()
    assert (probabilities[~legal] == 0).all()
    assert (probabilities[legal] > 0).all()
    assert torch.isfinite(distribution.entropy()).all()


@pytest.mark.parametrize("algo", [PPO, A2C, DQN])
def test_a_masked_learner_never_moves_illegally(algo: type, task: Game2048) -> None:
    agent = agent_of(algo, task)
    agent.learn(800)
    env = task.vec_env([0.0, 1.0], 4, seed=3)
    for deterministic in (True, False):
        assert not any(play_episodes(agent, env, 4, deterministic=deterministic, seed=0)["illegal_moves"])
    assert not agent.env.venv.illegal_moves.any()


def test_mask_actions_false_leaves_them_in(task: Game2048) -> None:
    agent = agent_of(PPO, task, mask_actions=False)
    played = play_episodes(agent, task.vec_env([0.0], 4, seed=3), 4, deterministic=True, seed=0)
    assert any(played["illegal_moves"])


def test_dqn_stores_legal_actions_only_and_bootstraps_from_legal_ones(task: Game2048) -> None:
    agent = agent_of(DQN, task)
    agent.learn(600)
    buffer = agent.replay_buffer
    rows = buffer.observations[: buffer.written].reshape(-1, 16, 4, 4)
    actions = buffer.actions[: buffer.written].reshape(-1)
    assert task.legal_actions(rows)[np.arange(len(actions)), actions].all()
    observations = states(task)
    values = agent.q_net_target(torch.as_tensor(observations)).detach().numpy()
    assert (values[~task.legal_actions(observations)] == ILLEGAL).all()
    assert agent.logger.name_to_value.get("train/loss", 0.0) < 1e6


def test_a_state_without_legal_moves_is_no_nan(task: Game2048) -> None:
    """The terminal observation of a lost game, which DQN's target network sees."""
    chequered = np.eye(16, dtype=np.uint8)[np.indices((4, 4)).sum(axis=0) % 2 + 1].transpose(2, 0, 1)[None]
    assert not task.legal_actions(chequered).any()
    values, _, entropy = agent_of(PPO, task).policy.evaluate_actions(
        torch.as_tensor(chequered), torch.tensor([0])
    )
    assert torch.isfinite(values).all()
    assert torch.isfinite(entropy).all()
    assert agent_of(DQN, task).q_net_target(torch.as_tensor(chequered)).min() > ILLEGAL


def test_replacing_illegal_actions_makes_uniform_ones_uniform_over_the_legal() -> None:
    rng, n = np.random.default_rng(0), 60_000
    legal = np.tile([True, False, True, True], (n, 1))
    actions = replace_illegal(rng.integers(4, size=n), legal, rng.random(n))
    assert np.allclose(np.bincount(actions, minlength=4) / n, [1 / 3, 0, 1 / 3, 1 / 3], atol=0.01)
    kept = replace_illegal(np.array([2, 3]), np.zeros((2, 4), dtype=bool), np.array([0.0, 0.9]))
    assert kept.tolist() == [2, 3]


def test_random_plays_legal_moves(task: Game2048) -> None:
    agent = Random(task=task, technique=Baseline(), seed=0)
    played = play_episodes(agent, task.vec_env([0.0], 50, seed=0), 200, deterministic=False, seed=0)
    assert not any(played["illegal_moves"])
    assert np.mean(played["score"]) == pytest.approx(1100, rel=0.15)


def test_envs_that_name_no_legal_actions_get_upstreams_policy() -> None:
    agent = make(PPO, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0)
    assert "legal_actions" not in agent.policy_kwargs
