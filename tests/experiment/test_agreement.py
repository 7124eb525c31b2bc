"""Agreement is measured beside learning: nothing of it shows in the parameters, and it resumes exactly."""

import csv

import numpy as np
import pytest
from agents import make

from rlsuite.algos.common.probe import Probe
from rlsuite.algos.ppo import PPO
from rlsuite.config.instantiate import locate
from rlsuite.config.run_id import config_hash
from rlsuite.config.settings import compose_settings, to_plain
from rlsuite.core.seeding import get_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.experiment.run import run
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.result import Result
from rlsuite.techniques.baseline import Baseline

SMALL = ["evaluation.episodes=1", "evaluation.levels=[0]", "agreement.steps=8"]
ALGOS = {
    "ppo": ["algo=ppo", "algo.n_steps=32", "algo.n_envs=6", "total_steps=960"],
    "a2c": ["algo=a2c", "algo.n_envs=6", "total_steps=960"],
    "dqn": ["algo=dqn", "algo.n_envs=3", "algo.learning_starts=100", "total_steps=960"],
}


def plain_config(algo, *overrides):
    return to_plain(config(algo, *overrides))


def config(algo, *overrides):
    return compose_settings([*SMALL, *ALGOS[algo], *overrides])


def probe(envs=2, n_steps=8):
    return Probe(CartPole(reward=EnvReward()), [0.0, 0.25, 0.5], envs, n_steps, seed=0)


@pytest.mark.parametrize("algo", ALGOS)
@pytest.mark.parametrize("technique", ["baseline", "dropout+gar"])
def test_parameters_are_the_same_with_and_without(algo, technique, tmp_path):
    off = run(config(algo, f"technique={technique}"), tmp_path / "off")
    on = run(config(algo, f"technique={technique}", "agreement.every=200"), tmp_path / "on")
    assert on.parameter_hash == off.parameter_hash
    assert on.steps == off.steps
    assert on.levels == off.levels
    assert off.gas == {}
    series = Result.read(tmp_path / "on" / "result.json").gas["series"]
    assert len(series["step"]) in (4, 5)  # at the first rollout that starts at or after each 200 steps
    assert set(series) >= {"with_mean", "pairwise", "leave_one_out", "across", "within", "ratio"}
    with (tmp_path / "on" / "history.csv").open() as file:
        assert any(float(row["gas/pairwise"] or "nan") in series["pairwise"] for row in csv.DictReader(file))


@pytest.mark.parametrize("algo", ALGOS)
def test_an_interrupted_run_measures_the_same(algo, tmp_path, monkeypatch):
    cfg = config(algo, "technique=gar", "agreement.every=100", "checkpoint.every_s=0.1")
    whole = run(cfg, tmp_path / "whole")
    learner = locate(cfg.algo.target)
    train = learner.train

    def stop(self, *args, **kwargs):
        if self.num_timesteps > 500:
            raise KeyboardInterrupt
        return train(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "train", stop)
        with pytest.raises(KeyboardInterrupt):
            run(cfg, tmp_path / "cut")
    cut = run(cfg, tmp_path / "cut")
    assert cut.restarts == 1
    assert cut.parameter_hash == whole.parameter_hash
    assert cut.gas == whole.gas


def test_envs_are_grouped_by_level_and_half():
    envs = probe(envs=2)
    assert envs.env.num_envs == 12
    assert envs.env.env_levels.tolist() == [0.0, 0.25, 0.5] * 4
    agent = make(
        PPO, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_steps=8, batch_size=8
    )
    agent.learn(64)
    with envs.look():
        samples = agent.probe_samples(envs)
    assert np.bincount(samples.domains.numpy()).tolist() == [16] * 6


def test_a_look_leaves_agent_and_streams_as_they_were_and_the_envs_move_on():
    agent = make(
        PPO, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_steps=8, batch_size=8
    )
    agent.learn(64)
    envs, before, observed = probe(), get_rng_state(), agent._last_obs.copy()
    first, stood = agent.probe_gram(envs), envs.observations.copy()
    after = get_rng_state()
    assert np.array_equal(before["numpy"]["keys"], after["numpy"]["keys"])
    assert before["torch"].equal(after["torch"])
    assert np.array_equal(agent._last_obs, observed)
    assert agent.num_timesteps == 64
    assert all(p.grad is None or p.grad.isfinite().all() for p in agent.policy.parameters())
    assert not np.allclose(first, agent.probe_gram(envs))
    assert not np.array_equal(stood, envs.observations)


def test_early_part_is_the_mean_of_its_measurements(tmp_path):
    gas = run(config("ppo", "agreement.every=200"), tmp_path).gas
    inside = [i for i, step in enumerate(gas["series"]["step"]) if 96 <= step <= 480]
    assert gas["n_early"] == len(inside) > 0
    assert gas["early"]["pairwise"] == pytest.approx(np.mean([gas["series"]["pairwise"][i] for i in inside]))


def test_settings_decide_the_run_only_while_it_is_on():
    assert config_hash(plain_config("ppo")) == config_hash(plain_config("ppo", "agreement.n_envs=9"))
    assert config_hash(plain_config("ppo")) != config_hash(plain_config("ppo", "agreement.every=10"))


def test_an_agent_without_gradients_is_left_alone(tmp_path):
    result = run(compose_settings([*SMALL, "algo=random", "total_steps=64", "agreement.every=10"]), tmp_path)
    assert result.gas == {}
