"""With technique=baseline every learner ends with upstream SB3's parameters, bit for bit."""

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3 as sb3
import torch
from stable_baselines3.common.env_util import make_vec_env

from rlsuite.algos.a2c import A2C
from rlsuite.algos.ars import ARS
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.algos.ppo_recurrent import RecurrentPPO
from rlsuite.algos.qrdqn import QRDQN
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

CASES = {
    "ppo": (PPO, sb3.PPO, {"n_envs": 4, "n_steps": 64, "batch_size": 32, "ent_coef": 0.01}, 1500),
    "ppo_kl_and_value_clip": (
        PPO,
        sb3.PPO,
        {"n_envs": 2, "n_steps": 64, "target_kl": 0.003, "clip_range_vf": 0.2},
        900,
    ),
    "a2c": (A2C, sb3.A2C, {"n_envs": 4, "ent_coef": 0.01, "normalize_advantage": True}, 2000),
    "dqn": (
        DQN,
        sb3.DQN,
        {
            "n_envs": 2,
            "learning_starts": 200,
            "buffer_size": 600,
            "target_update_interval": 100,
            "exploration_fraction": 0.5,
        },
        3000,
    ),
    "dqn_n_steps": (
        DQN,
        sb3.DQN,
        {
            "n_envs": 2,
            "learning_starts": 200,
            "buffer_size": 600,
            "n_steps": 3,
            "gamma": 0.9,
            "target_update_interval": 100,
            "exploration_fraction": 0.5,
        },
        3000,
    ),
    "qrdqn": (
        QRDQN,
        sb3_contrib.QRDQN,
        {
            "n_envs": 2,
            "learning_starts": 200,
            "buffer_size": 600,
            "n_steps": 2,
            "target_update_interval": 100,
            "exploration_fraction": 0.5,
            "exploration_final_eps": 0.05,
            "max_grad_norm": 5.0,
        },
        1000,
    ),
    "ppo_recurrent": (
        RecurrentPPO,
        sb3_contrib.RecurrentPPO,
        {"n_envs": 2, "n_steps": 64, "batch_size": 32, "n_epochs": 3},
        500,
    ),
    "ars": (ARS, sb3_contrib.ARS, {"n_envs": 1, "n_delta": 4, "n_top": 2}, 2000),
}
POLICIES = {"ppo_recurrent": "MlpLstmPolicy", "ars": "LinearPolicy"}
MORE = {"ppo_recurrent": {"policy_kwargs": {"lstm_hidden_size": 64}}}


@pytest.mark.parametrize("name", CASES)
def test_parameters_equal_upstream(name: str) -> None:
    ours_class, theirs_class, arguments, steps = CASES[name]
    ours = ours_class(task=CartPole(reward=EnvReward()), technique=Baseline(), seed=3, **arguments)
    ours.learn(steps)

    shared = {key: value for key, value in arguments.items() if key != "n_envs"}
    env = make_vec_env("CartPole-v1", n_envs=arguments["n_envs"], seed=3)
    theirs = theirs_class(
        POLICIES.get(name, "MlpPolicy"), env, seed=3, device="cpu", **shared, **MORE.get(name, {})
    )
    theirs.learn(steps)

    assert ours.num_timesteps == theirs.num_timesteps
    for key, value in theirs.policy.state_dict().items():
        assert torch.equal(value, ours.policy.state_dict()[key]), key


def test_saved_model_loads_in_plain_sb3(tmp_path) -> None:
    ours = PPO(
        task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_steps=16, n_envs=2, batch_size=8
    )
    ours.learn(64)
    ours.save(tmp_path / "model.zip")
    plain = sb3.PPO.load(tmp_path / "model.zip")
    observations = np.stack([gym.make("CartPole-v1").reset(seed=i)[0] for i in range(5)])
    assert np.array_equal(
        plain.predict(observations, deterministic=True)[0], ours.predict(observations, deterministic=True)[0]
    )
