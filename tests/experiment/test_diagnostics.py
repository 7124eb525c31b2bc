"""Diagnostics look at gradients, values and advantages, and leave no trace in learning."""

import csv

import pytest
import torch

from rlsuite.algos.buffers.rollout import RolloutSamples
from rlsuite.config.run_id import config_hash
from rlsuite.config.settings import compose_settings, to_plain
from rlsuite.experiment.diagnostics import gradient_sizes, value_fit
from rlsuite.experiment.run import run

SMALL = [
    "env=cartpole",
    "evaluation.episodes=1",
    "evaluation.levels=[0]",
    "diagnostics.n_envs=2",
    "diagnostics.steps=8",
]
ALGOS = {
    "ppo": ["algo=ppo", "algo.n_steps=32", "algo.n_envs=4", "total_steps=640"],
    "a2c": ["algo=a2c", "algo.n_envs=4", "total_steps=640"],
    "ppo_recurrent": ["algo=ppo_recurrent", "algo.n_steps=32", "algo.n_envs=4", "total_steps=256"],
}


def test_sizes_by_hand():
    actor = {"features_extractor.w": torch.tensor([3.0, 0.0]), "action_net.w": torch.tensor([4.0])}
    critic = {
        "features_extractor.w": torch.tensor([0.0, -6.0]),
        "vf_features_extractor.w": torch.tensor([8.0]),
    }
    sizes = gradient_sizes({"actor": actor, "critic": critic})
    assert sizes == pytest.approx(
        {
            "actor_norm": 5,
            "critic_norm": 10,
            "encoder_actor_norm": 3,
            "encoder_critic_norm": 10,
            "encoder_cosine": 0,
        }
    )
    opposed = gradient_sizes({"actor": actor, "critic": {"features_extractor.w": torch.tensor([-1.0, 0.0])}})
    assert opposed["encoder_cosine"] == pytest.approx(-1)
    assert "encoder_cosine" not in gradient_sizes(
        {"actor": {"a": torch.ones(1)}, "critic": {"b": torch.ones(1)}}
    )


def test_correlations_by_hand():
    values, returns, advantages = (
        torch.tensor([1.0, 2, 3]),
        torch.tensor([2.0, 4, 6]),
        torch.tensor([1.0, 0, -1]),
    )
    none = torch.zeros(3)
    found = value_fit(RolloutSamples(none, none, values, none, advantages, returns, none))
    assert found == pytest.approx({"value_return_correlation": 1, "value_advantage_correlation": -1})


@pytest.mark.parametrize("algo", ALGOS)
def test_parameters_are_the_same_with_and_without(algo, tmp_path):
    off, on = (compose_settings([*SMALL, *ALGOS[algo], f"diagnostics.every={every}"]) for every in (0, 200))
    assert config_hash(to_plain(off)) == config_hash(to_plain(on))
    before, after = run(off, tmp_path / "off"), run(on, tmp_path / "on")
    assert before.parameter_hash == after.parameter_hash
    assert before.levels == after.levels
    with (tmp_path / "on" / "history.csv").open() as file:
        found = [row.get("diagnostics/critic_norm") for row in csv.DictReader(file)]
    shown = [float(value) for value in found if value]
    assert len(shown) >= {"ppo": 3, "a2c": 1, "ppo_recurrent": 0}[algo]  # a2c logs every 100 updates
    assert all(value > 0 for value in shown)


def test_an_interrupted_run_looks_at_the_same(tmp_path, monkeypatch):
    from rlsuite.algos.ppo import PPO

    cfg = compose_settings([*SMALL, *ALGOS["ppo"], "diagnostics.every=100", "checkpoint.every_s=0"])
    run(cfg, tmp_path / "whole")
    train = PPO.train

    def stop(self):
        if self.num_timesteps > 300:
            raise KeyboardInterrupt
        train(self)

    monkeypatch.setattr(PPO, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        run(cfg, tmp_path / "cut")
    monkeypatch.setattr(PPO, "train", train)
    run(cfg, tmp_path / "cut")

    def shown(name):
        with (tmp_path / name / "history.csv").open() as file:
            return [
                (row["step"], v) for row in csv.DictReader(file) for k, v in row.items() if "diagnostics" in k
            ]

    assert shown("cut") == shown("whole")
