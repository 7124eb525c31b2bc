"""A setting that has moved: whoever types its former name is told the new one."""

import pytest

from rlsuite.config.compose import compose
from rlsuite.config.moved import MOVED_KEYS, among
from rlsuite.core.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["agreement.lanes=4"], "agreement.lanes is now agreement.n_envs"),
        (["env=var", "env.golden_gb=2"], "env.golden_gb is now env.reference_gb"),
        (["env=cartpole", "env.shift=seed"], "env.shift=seed is now env.shift=original"),
        (["experiment=seed_protocol"], "experiment=seed_protocol is now experiment=original_protocol"),
    ],
)
def test_a_former_name_is_answered_with_todays(typed, said):
    with pytest.raises(ConfigError) as error:
        compose(typed)
    assert error.value.problems == [said]


def test_what_was_not_moved_is_composed_as_ever():
    assert compose(["env.shift=wide"]).env.shift == "wide"


def test_moved_settings_are_found_among_the_problems_of_an_old_config():
    problems = [
        "agreement.lanes: Agreement has no such setting",
        "seed=-1: must be >= 0",
        "env.shift=seed: no",
    ]
    assert list(among(problems)) == [
        "agreement.lanes is now agreement.n_envs",
        "env.shift=seed is now env.shift=original",
    ]


def test_nothing_moves_to_what_has_moved_again():
    assert not set(MOVED_KEYS) & set(MOVED_KEYS.values())
