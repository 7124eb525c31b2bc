"""Composition: every combination in conf/, the order of the defaults, names of runs."""

import shutil
from itertools import product
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rlsuite.config import run_id
from rlsuite.config.compose import compose, session
from rlsuite.config.files import conf_dir
from rlsuite.config.overrides import compose_or_complain, parse
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError


def choices(group):
    return sorted(file.stem for file in (conf_dir() / group).glob("*.yaml"))


def run_dir(*overrides, config_dir=None):
    with session(config_dir):
        cfg, problems = compose_or_complain(parse(overrides)[0], "config")
    assert cfg is not None
    assert not problems
    return cfg.hydra.run.dir


PAIRS = [("env", "algo"), ("env", "reward"), ("env", "technique"), ("algo", "technique")]


@pytest.mark.parametrize(("group", "other"), PAIRS)
def test_every_pair_of_choices_is_right_or_refused_with_a_way_out(group, other):
    """Rules are about two choices, so pairs are all there is to try."""
    for one, two in product(choices(group), choices(other)):
        cfg = compose([f"{group}={one}", f"{other}={two}"])
        for problem in find_problems(cfg):
            assert f" with env={cfg.choices.env}: " in problem or f"with algo={cfg.choices.algo}" in problem
            assert "; take " in problem or "serves" in problem


@pytest.mark.parametrize("env", choices("env"))
def test_every_env_has_an_algorithm(env):
    assert any(not find_problems(compose([f"env={env}", f"algo={algo}"])) for algo in choices("algo"))


@pytest.mark.parametrize("name", choices("hardware"))
def test_hardware_never_changes_the_run(name):
    assert run_dir("env=cartpole", f"hardware={name}") == run_dir("env=cartpole")


@pytest.fixture
def own(tmp_path):
    """A user's folder: an env that names its reward, a tuned pair, an experiment."""
    files = {
        "reward/mine.yaml": "_target_: rlsuite.rewards.env.EnvReward",
        "reward/other.yaml": "_target_: rlsuite.rewards.env.EnvReward",
        "env/own.yaml": "defaults: [{override /reward@_global_.reward: mine}]\n_target_: rlsuite.envs.cartpole.CartPole\nmax_steps: 9",
        "tuned/own_a2c.yaml": "# @package _global_\ntotal_steps: 11\nseed: 3\nalgo: {n_steps: 7}",
        "experiment/table.yaml": "# @package _global_\ndefaults: [{override /env: own}, {override /algo: a2c}]\nseed: 4",
        "experiment/other.yaml": "# @package _global_\ndefaults: [{override /env: own}, {override /reward: other}]",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_env_names_its_reward_and_the_command_line_wins(own):
    assert compose(["env=own"], config_dir=own).choices.reward == "mine"
    assert compose(["env=cartpole"], config_dir=own).choices.reward == "env"
    assert compose(["env=own", "reward=other"], config_dir=own).choices.reward == "other"
    assert compose(["reward=other", "env=own"], config_dir=own).choices.reward == "other"
    assert compose(["experiment=other"], config_dir=own).choices.reward == "other"


def test_values_win_in_the_order_config_tuned_experiment_command(own):
    tuned = compose(["env=own", "algo=a2c"], config_dir=own)
    assert (tuned.seed, tuned.total_steps, tuned.algo.n_steps) == (3, 11, 7)
    table = compose(["experiment=table"], config_dir=own)
    assert (table.seed, table.total_steps, table.env.max_steps) == (4, 11, 9)
    typed = compose(["experiment=table", "seed=5", "algo.n_steps=1"], config_dir=own)
    assert (typed.seed, typed.algo.n_steps) == (5, 1)
    assert compose(["env=own", "algo=random"], config_dir=own).seed == 0


def test_self_stands_first_and_experiment_last():
    defaults = OmegaConf.load(conf_dir() / "config.yaml").defaults
    names = [item if isinstance(item, str) else next(iter(item)) for item in defaults]
    assert names[0] == "_self_"
    assert names[-2:] == ["optional tuned", "optional experiment"]
    assert names.index("reward") < names.index("env")


def test_choices_are_written_into_the_config():
    cfg = compose(["env=cartpole", "algo=dqn"])
    assert dict(cfg.choices) == {
        "env": "cartpole",
        "algo": "dqn",
        "technique": "baseline",
        "reward": "env",
        "hardware": "cpu",
        "experiment": None,
    }
    assert "hydra" not in cfg


def test_run_folder_says_what_it_is_and_depends_on_the_settings_alone(own):
    base = run_dir("env=cartpole", "algo=dqn", "seed=2")
    assert base.startswith("outputs/cartpole-dqn-baseline-s2-")
    assert len(base.rpartition("-")[2]) == 8
    for same in (
        ["hardware.threads=2"],
        ["checkpoint.every_s=1"],
        ["algo.gamma=0.980"],
        ["total_steps=50_000"],
    ):
        assert run_dir("env=cartpole", "algo=dqn", "seed=2", *same) == base
    assert run_dir("seed=2", "algo=dqn", "env=cartpole", config_dir=own) == base
    for other in (["algo.gamma=0.9"], ["env.max_steps=3"], ["evaluation.episodes=1"], ["algo.n_envs=2"]):
        assert run_dir("env=cartpole", "algo=dqn", "seed=2", *other) != base


def test_sweep_folder_is_the_experiment_or_the_pair(own):
    with session(own):
        table = compose_or_complain(parse(["experiment=table"])[0], "config")[0]
        pair = compose_or_complain(parse(["env=cartpole", "algo=dqn"])[0], "config")[0]
    assert table.hydra.sweep.dir == "multirun/table"
    assert pair.hydra.sweep.dir == "multirun/cartpole_dqn"
    assert table.hydra.sweep.subdir == Path(table.hydra.run.dir).name


def test_hash_ignores_the_order_of_keys_and_the_form_of_numbers():
    first = OmegaConf.create({"a": 1, "b": {"c": 2.0, "d": [1.0]}})
    second = OmegaConf.create({"b": {"d": [1], "c": 2}, "a": 1.0, "hardware": {"device": "cuda"}})
    assert run_id.config_hash(first) == run_id.config_hash(second)
    assert run_id.config_hash(first) != run_id.config_hash(OmegaConf.create({"a": 2}))


def test_compose_lists_every_mistake():
    with pytest.raises(ConfigError) as error:
        compose(["env=cartpol", "env.n_env=3", "seed"])
    assert len(error.value.problems) == 3


def test_compose_leaves_an_active_hydra_as_it_was(own):
    from hydra.core.global_hydra import GlobalHydra

    with session(own):
        before = GlobalHydra.instance().hydra
        compose(["env=cartpole"])
        assert GlobalHydra.instance().hydra is before
    assert GlobalHydra.instance().hydra is None


def test_conf_dir_is_inside_the_package_once_installed(tmp_path, monkeypatch):
    import rlsuite.config.files

    package = tmp_path / "rlsuite"
    shutil.copytree(conf_dir(), package / "conf")
    monkeypatch.setattr(rlsuite.config.files, "__file__", str(package / "config" / "files.py"))
    assert conf_dir() == package / "conf"
