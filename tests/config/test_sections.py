"""Settings that belong together: a nested node in the yaml, a dataclass in the constructor, a short form on the command line."""

import pytest

from rlsuite.algos.policies.settings import EncoderSettings, PPONetworkSettings
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.config.run_id import config_hash
from rlsuite.config.settings import compose_settings
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError
from rlsuite.core.sections import Section
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


def test_a_constructor_gets_the_dataclass_and_defaults_fill_what_is_left_out() -> None:
    task = CartPole(reward=EnvReward())
    node = {
        "_target_": "rlsuite.algos.ppo.PPO",
        "network": {"net_arch": [8]},
        "encoder": {"finetune": "both"},
    }
    agent = build(node, task=task, technique=Baseline(), seed=0, device="cpu")
    assert agent.policy.mlp_extractor.policy_net[0].out_features == 8
    assert isinstance(PPONetworkSettings(), Section)
    assert EncoderSettings() == EncoderSettings(name=None, share=True)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("algo.network=mlp", "algo.network.name=mlp"),
        ("algo.fast=true", "algo.network.fast=true"),
        ("algo.clip_range=0.1", "algo.clip_range.policy=0.1"),
        ("algo.encoder=null", "algo.encoder.name=null"),
    ],
)
def test_a_short_form_sets_its_field_and_names_the_same_run(short: str, full: str) -> None:
    assert config_hash(compose([short])) == config_hash(compose([full]))


def test_a_short_form_keeps_what_a_tuned_file_says_in_the_section() -> None:
    command = ["env=game2048", "algo=ppo", "algo.network=cnn"]
    assert compose_settings(command).algo.settings["network"]["net_arch"] == []


def test_an_algorithm_without_the_section_takes_the_plain_value() -> None:
    assert compose_settings(["algo=grpo", "algo.clip_range=0.3"]).algo.settings["clip_range"] == 0.3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algo.network.features_dim=0", "algo.network.features_dim=0: must be a whole number > 0"),
        ("algo.network=nowhere", "algo.network.name=nowhere: must be one of auto, mlp, cnn"),
        ("algo.features_dim=64", "algo.features_dim is now algo.network.features_dim"),
        ("algo.exploration_fraction=0.1", "algo.exploration_fraction is now algo.exploration.fraction"),
        (
            "algo.network.featuresdim=64",
            "algo.network.featuresdim: no such setting; did you mean algo.network.features_dim",
        ),
    ],
)
def test_a_mistake_in_a_section_is_told_with_its_key(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match="nothing was started") as error:
        compose_settings(["algo=dqn", override])
    assert message in str(error.value)


def test_a_plain_value_in_a_yaml_of_ones_own_is_told_where_it_belongs() -> None:
    cfg = compose([])
    cfg.algo.network = "nature"
    (problem,) = find_problems(cfg)
    assert problem == "algo.network=nature: must be a group of settings; write name: nature in it"
