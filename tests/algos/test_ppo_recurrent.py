"""Recurrent PPO: sb3-contrib's, bit for bit; its memory; an optimum that needs one."""

import numpy as np
import sb3_contrib
from agents import make
from echo import Echo, right_answers
from upstream import assert_equal_parameters

from rlsuite.algos.ppo_recurrent import RecurrentPPO
from rlsuite.envs.cartpole import CartPole
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


def test_parameters_equal_upstream() -> None:
    arguments = {"n_envs": 2, "n_steps": 64, "batch_size": 32, "n_epochs": 3}
    upstream = {"policy_kwargs": {"lstm_hidden_size": 64}}
    policy = "MlpLstmPolicy"
    assert_equal_parameters(
        RecurrentPPO, sb3_contrib.RecurrentPPO, 500, policy=policy, upstream=upstream, **arguments
    )


def test_the_memory_is_carried_through_evaluation_and_forgotten_between_episodes(monkeypatch) -> None:
    task = CartPole(reward=EnvReward())
    arguments = {"n_envs": 3, "n_steps": 16, "batch_size": 24, "n_epochs": 2, "lstm_hidden_size": 8}
    agent = make(RecurrentPPO, task=task, technique=Baseline(), seed=1, **arguments)
    agent.learn(48)
    seen, predict = [], agent.predict

    def noting(observation, state=None, episode_start=None, deterministic=False):
        seen.append((None if state is None else np.array(state), episode_start.copy()))
        return predict(observation, state, episode_start, deterministic)

    monkeypatch.setattr(agent, "predict", noting)
    evaluate_level(agent, CartPole(reward=EnvReward()), 0, 4, 2, 0)
    assert seen[0][0] is None
    assert seen[0][1].all()
    assert any(starts.any() for _, starts in seen[1:])
    assert all(state.shape == (2, 1, 2, 8) for state, starts in seen if not starts.all())
    states = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    memory = tuple(np.full((1, 2, 8), 0.7, dtype=np.float32) for _ in range(2))
    kept = predict(states, memory, np.zeros(2, dtype=bool), True)[1]
    fresh = predict(states, memory, np.ones(2, dtype=bool), True)[1]
    empty = predict(states, None, np.ones(2, dtype=bool), True)[1]
    np.testing.assert_array_equal(fresh[0], empty[0])
    assert not np.allclose(kept[0], fresh[0])


def test_finds_an_optimum_that_only_memory_can() -> None:
    arguments = {"n_envs": 8, "n_steps": 32, "batch_size": 128, "gamma": 0.0, "learning_rate": 1e-2}
    agent = make(RecurrentPPO, task=Echo(late=True), technique=Baseline(), seed=0, **arguments)
    assert right_answers(agent.learn(4096), late=True) == 1.0
