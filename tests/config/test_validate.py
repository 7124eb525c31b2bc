"""Each kind of mistake in a composed config, and its message; then build."""

import re

import pytest
import suite_fakes
from omegaconf import OmegaConf

from rlsuite.config.compose import compose
from rlsuite.config.instantiate import TargetError, build, locate
from rlsuite.config.schema import Training
from rlsuite.config.settings import checked
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError, UserError

EVERYTHING = {"_target_": "suite_fakes.Everything", "count": 1}


@pytest.fixture(autouse=True)
def own_package(monkeypatch):
    monkeypatch.setenv("RLSUITE_PACKAGES", "other, suite_fakes")


def config(**changes):
    cfg = compose(["env=cartpole", "algo=random"])
    return OmegaConf.merge(OmegaConf.to_container(cfg), changes)


def with_env(**settings):
    cfg = config()
    cfg.env = {**EVERYTHING, **settings}
    return find_problems(cfg)


def test_right_values_of_each_kind_pass():
    part = {"_target_": "suite_fakes.Part", "size": 2}
    assert not with_env(
        rate=1,
        maybe=None,
        on=True,
        where="a/b",
        mode=3,
        layers=[1, 2],
        pair=[1, 2],
        table={"a": 1},
        part=part,
        parts=[part],
        call={"_target_": "suite_fakes.function", "_partial_": True},
        anything=[{}],
        unknown_type=3,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 1.0}, "env.count=1.0: must be a whole number; write 1"),
        ({"count": True}, "env.count=true: must be a whole number"),
        ({"count": None}, "env.count=null: must be a whole number"),
        ({"count": "???"}, "env.count: needs a value, a whole number"),
        ({"rate": 0}, "env.rate=0: must be a number > 0 and <= 1"),
        ({"rate": float("nan")}, "env.rate=nan: must be a number > 0 and <= 1"),
        ({"rate": "fast"}, "env.rate=fast: must be a number > 0 and <= 1"),
        ({"maybe": -1}, "env.maybe=-1: must be a number >= 0 or null"),
        ({"on": 1}, "env.on=1: must be true or false"),
        ({"name": 3}, "env.name=3: must be text"),
        ({"where": 3}, "env.where=3: must be a path or null"),
        ({"mode": "fas"}, "env.mode=fas: must be one of fast, slow, 3; did you mean fast?"),
        ({"layers": [1, "a"]}, "env.layers[1]=a: must be a whole number"),
        ({"layers": 64}, "env.layers=64: must be a list"),
        ({"pair": [1]}, "env.pair=[1]: must have 2 items"),
        ({"table": {"a": 0}}, "env.table.a=0: must be a whole number > 0"),
        ({"part": {"size": 1}}, "env.part={'size': 1}: must be a node with a _target_ or null"),
        (
            {"part": {"_target_": "suite_fakes.Part", "size": 0}},
            "env.part.size=0: must be a whole number > 0",
        ),
        (
            {"parts": [{"_target_": "suite_fakes.Prt"}]},
            "env.parts[0]._target_: suite_fakes.Prt does not exist",
        ),
        (
            {"anything": {"_target_": "suite_fakes.Part", "siz": 1}},
            "env.anything.siz: Part has no such setting",
        ),
        ({"count": {"_target_": "suite_fakes.Part"}}, "env.count: must be a whole number, not a node"),
        ({"rat": 1}, "env.rat: Everything has no such setting; did you mean rate?"),
        ({"reward": 1}, "env.reward: the suite sets it, a config cannot"),
        (
            {"_target_": "os.system"},
            "env._target_: os.system belongs to os, targets may come from rlsuite, other",
        ),
        ({"_target_": "suite_fakes.os.system"}, "env._target_: suite_fakes.os.system belongs to posix"),
        (
            {"_target_": "suite_fakes.BUILT"},
            "env._target_: suite_fakes.BUILT is neither a class nor a function",
        ),
        ({"_target_": "other.Env"}, "env._target_: other.Env cannot be imported: No module named 'other'"),
        ({"_target_": "no name"}, "env._target_: 'no name' is not a dotted name"),
    ],
)
def test_wrong_value_is_named_with_what_would_be_right(settings, message):
    (problem,) = with_env(**settings)
    assert problem.startswith(message)


def test_missing_and_unknown_names_come_together_and_nothing_is_built():
    suite_fakes.BUILT.clear()
    cfg = config(seed=-1, total_steps=0, evaluation={"levels": [0, 2], "episods": 3}, extra=1)
    cfg.env = {"_target_": "suite_fakes.Everything", "nam": "x", "part": {"_target_": "suite_fakes.Part"}}
    with pytest.raises(ConfigError) as error:
        checked(cfg, Training)
    assert len(error.value.problems) == 7
    assert "env.count: missing, must be a whole number" in str(error.value)
    assert "evaluation.episods: Evaluation has no such setting; did you mean episodes?" in str(error.value)
    assert not suite_fakes.BUILT


def test_open_signature_takes_any_name():
    cfg = config()
    cfg.env = {"_target_": "suite_fakes.OpenTask", "size": 2, "more": 3}
    assert not find_problems(cfg)


def test_broken_interpolation_names_its_key():
    assert find_problems(config(seed="${nope}"))[0].startswith("seed: Interpolation key 'nope' not found")


def test_pair_of_action_kinds_names_the_ways_out():
    cfg = config()
    cfg.env, cfg.algo = {"_target_": "suite_fakes.BoxEnv"}, {"_target_": "suite_fakes.DiscreteAgent"}
    cfg.technique = {"reg": {"_target_": "suite_fakes.Loner"}}
    (problem,) = find_problems(cfg)
    assert "the env takes box actions, the algorithm discrete ones" in problem
    assert "env.action=categorical" in problem
    assert "algo=ppo" in problem
    cfg.env.action = "categorical"
    assert not find_problems(cfg)


def test_technique_the_algorithm_cannot_serve_is_refused():
    cfg = config(algo={"_target_": "suite_fakes.DiscreteAgent"})
    (problem,) = find_problems(cfg)
    assert problem.startswith("technique=baseline with algo=random: the algorithm serves reg only; ")
    assert "a2c" in problem  # the matrix: who serves what
    assert re.search(r"\brandom\b[^;:]*: baseline", problem)


def test_build_passes_plain_containers_and_injected_objects_as_they_are():
    part = {"_target_": "suite_fakes.Part", "size": 2}
    node = OmegaConf.create(
        {"_target_": "suite_fakes.Open", "size": "${n}", "layers": [1, {"a": 2}], "part": part}
    )
    cfg = OmegaConf.create({"n": 5, "node": node})
    record = suite_fakes.Record()
    made = build(cfg.node, technique=record)
    assert made.size == 5
    assert type(made.others["layers"]) is list
    assert type(made.others["layers"][1]) is dict
    assert made.others["part"].size == 2
    assert made.others["technique"] is record


def test_build_raises_the_constructors_own_error():
    with pytest.raises(ValueError, match="the constructor's own words"):
        build({"_target_": "suite_fakes.Open", "part": {"_target_": "suite_fakes.Failing"}})


def test_build_makes_a_partial():
    assert build({"_target_": "suite_fakes.function", "_partial_": True})(size=4) == 4


@pytest.mark.parametrize("nested", [{"_target_": "os.getcwd"}, {"deep": [{"_target_": "os.getcwd"}]}])
def test_build_refuses_foreign_targets_at_any_depth(nested):
    with pytest.raises(TargetError, match="belongs to os"):
        build({"_target_": "suite_fakes.Open", "other": nested})


def test_build_refuses_a_node_without_target():
    with pytest.raises(UserError, match="no _target_"):
        build({"size": 3})


def test_module_that_cannot_be_imported_says_why(tmp_path, monkeypatch):
    package = tmp_path / "other"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TargetError, match="cannot be imported: No module named 'no_such_library'"):
        locate("other.broken.Env")
