"""Compiled layers: the same names and numbers, another run; cuDNN's setting."""

import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from agents import make
from torch import nn

from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.config.compose import compose
from rlsuite.config.run_id import config_hash
from rlsuite.config.settings import compose_settings
from rlsuite.envs.cartpole import CartPole
from rlsuite.experiment.run import run
from rlsuite.networks.compiled import compile_layers
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


@pytest.mark.parametrize("algo", ["ppo", "dqn", "a2c"])
def test_how_it_is_computed_decides_the_runs_name(algo: str) -> None:
    plain = compose([f"algo={algo}"])
    others = [
        compose([f"algo={algo}", override])
        for override in ("algo.network.compile=true", "algo.network.cudnn_deterministic=false")
    ]
    assert len({config_hash(cfg) for cfg in (plain, *others)}) == 3


def test_every_outermost_stack_is_compiled_once(monkeypatch) -> None:
    compiled = []
    monkeypatch.setattr(nn.Sequential, "compile", lambda self: compiled.append(self))
    inner = nn.Sequential(nn.Linear(2, 2))
    stack = nn.Sequential(inner, nn.ReLU())
    assert compile_layers(nn.ModuleDict({"a": stack, "b": nn.Linear(2, 2), "empty": nn.Sequential()})) == 1
    assert compiled == [stack]


@pytest.mark.parametrize(("algorithm", "stacks"), [(PPO, 2), (DQN, 2)])
def test_learners_compile_what_they_compute_with(algorithm, stacks: int, monkeypatch) -> None:
    compiled = []
    monkeypatch.setattr(nn.Sequential, "compile", lambda self: compiled.append(self))
    task = CartPole(reward=EnvReward())
    make(algorithm, task=task, technique=Baseline(), seed=0)
    assert not compiled
    make(algorithm, task=task, technique=Baseline(), seed=0, compile=True)
    assert len(compiled) == stacks


@pytest.mark.parametrize("deterministic", [False, True])
def test_cudnn_is_told(deterministic: bool) -> None:
    make(
        PPO,
        task=CartPole(reward=EnvReward()),
        technique=Baseline(),
        seed=0,
        cudnn_deterministic=deterministic,
    )
    assert torch.backends.cudnn.deterministic is deterministic
    assert torch.backends.cudnn.benchmark is not deterministic


@pytest.mark.slow
def test_a_compiled_run_learns_saves_and_loads(tmp_path) -> None:
    cfg = compose_settings(
        ["algo.network.compile=true", "total_steps=1024", "algo.n_steps=64", "evaluation.episodes=2"]
    )
    result = run(cfg, tmp_path)
    assert result.status == "completed"
    eager = run(
        compose_settings(["total_steps=1024", "algo.n_steps=64", "evaluation.episodes=2"]), tmp_path / "eager"
    )
    assert result.steps == eager.steps
    model = sb3.PPO.load(tmp_path / "model.zip")
    other = sb3.PPO.load(tmp_path / "eager" / "model.zip")
    for name, value in model.policy.state_dict().items():
        assert np.allclose(value, other.policy.state_dict()[name], atol=0.05), name
