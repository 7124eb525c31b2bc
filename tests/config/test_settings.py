"""The config as dataclasses: to_settings and written back without a loss; a hash over choices and arguments alone."""

import copy

import pytest
from omegaconf import OmegaConf

from rlsuite.config.compose import compose
from rlsuite.config.node import Node
from rlsuite.config.run_id import config_hash
from rlsuite.config.schema import Evaluating, Pretraining, Training
from rlsuite.config.settings import compose_settings, to_plain, to_settings
from rlsuite.core.errors import ConfigError, UserError
from rlsuite.runs.saved_config import CONFIG_FILE, freeze, thaw

CONFIGS = [
    (["env=var", "algo=ppo"], Training),
    (["technique=gar+reg", "algo.n_envs=9"], Training),
    (["run=nowhere", "level=0.5"], Evaluating),
    (["model=var"], Pretraining),
    (["model=vision", "env=cartpole"], Pretraining),
]


@pytest.mark.parametrize(("overrides", "schema"), CONFIGS)
def test_settings_hold_all_that_the_yaml_holds(overrides, schema):
    cfg = compose(overrides, schema.config_name)
    assert to_plain(to_settings(cfg, schema)) == OmegaConf.to_container(cfg, resolve=True)


def test_choices_become_nodes_and_sections_dataclasses():
    settings = compose_settings(["env=var", "technique=reg", "evaluation.episodes=3"])
    assert settings.evaluation.episodes == 3
    assert isinstance(settings.env, Node)
    assert list(settings.technique) == ["reg"]
    assert settings.env.settings["generator"]["_target_"].startswith("rlsuite.generators")
    assert "_target_" not in settings.env.arguments


def test_what_cannot_run_is_refused_when_it_is_composed():
    with pytest.raises(ConfigError, match="total_steps=-1"):
        compose_settings(["total_steps=-1"])


@pytest.mark.parametrize(("overrides", "schema"), CONFIGS)
def test_a_frozen_config_thaws_to_the_same_settings(overrides, schema, tmp_path):
    settings = to_settings(compose(overrides, schema.config_name), schema)
    freeze(settings, tmp_path)
    assert thaw(tmp_path, schema) == settings


def test_a_folder_with_settings_that_have_moved_is_one_message(tmp_path):
    cfg = compose([])
    old = OmegaConf.to_container(cfg, resolve=True)
    old["agreement"]["lanes"] = old["agreement"].pop("n_envs")
    (tmp_path / CONFIG_FILE).write_text(OmegaConf.to_yaml(OmegaConf.create(old)))
    with pytest.raises(
        UserError, match=r"another version of rlsuite: agreement\.lanes is now agreement\.n_envs"
    ):
        thaw(tmp_path, Training)


# --- the hash ---


@pytest.fixture(scope="module")
def var() -> dict:
    return to_plain(compose_settings(["env=var", "reward=gated"]))


def changed(config: dict, path: str, value: object) -> dict:
    found = copy.deepcopy(config)
    *parents, last = path.split(".")
    node = found
    for name in parents:
        node = node[name]
    node[last] = value(node[last]) if callable(value) else value
    return found


TARGETS = [
    "env._target_",
    "algo._target_",
    "reward._target_",
    "env.generator._target_",
    "env.classifier._target_",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_module_that_moves_renames_no_run(var, target):
    moved = changed(var, target, lambda old: f"elsewhere.{old.rpartition('.')[2]}")
    assert config_hash(moved) == config_hash(var)


@pytest.mark.parametrize("target", TARGETS)
def test_another_class_is_another_run(var, target):
    other = changed(var, target, lambda old: f"{old.rpartition('.')[0]}.Another")
    assert config_hash(other) != config_hash(var)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("env.pool", 3),
        ("env.generator.top_k", 1),
        ("algo.gamma", 0.5),
        ("seed", 7),
        ("choices.reward", "mine"),
    ],
)
def test_another_argument_or_choice_is_another_run(var, path, value):
    assert config_hash(changed(var, path, value)) != config_hash(var)


@pytest.mark.parametrize(
    ("path", "value"), [("choices.hardware", "gpu"), ("wandb.mode", "online"), ("dry_run", True)]
)
def test_what_decides_nothing_is_not_in_the_hash(var, path, value):
    assert config_hash(changed(var, path, value)) == config_hash(var)
