"""``technique=a+b``: one name and one folder in any order; what does not fit is refused with a way out."""

import pytest

from rlsuite.config.compose import compose
from rlsuite.config.files import conf_dir
from rlsuite.config.run_id import canonical_chain
from rlsuite.config.settings import compose_settings
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError
from rlsuite.experiment.run import applied, build_pair
from rlsuite.launch.plan import Command, make_plan
from rlsuite.techniques.chain import Chain
from rlsuite.techniques.gar import GAR

N_ENVS = "algo.n_envs=6"


def folders(*overrides, multirun=False):
    return [folder.name for folder in make_plan(Command([N_ENVS, *overrides], multirun=multirun)).folders]


def problems(*overrides, envs=N_ENVS):
    try:
        make_plan(Command([envs, *overrides]))
    except ConfigError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("reg+gar", "gar+reg"),
        ("gar+reg", "gar+reg"),
        ("gar+gar", "gar"),
        ("baseline+reg", "reg"),
        ("baseline", "baseline"),
        ("vrex+reg+gar", "gar+reg+vrex"),
    ],
)
def test_a_chain_has_one_name_and_one_folder(typed, name):
    assert canonical_chain(typed) == name
    assert folders(f"technique={typed}") == folders(f"technique={name}")
    assert compose([f"technique={typed}"]).choices.technique == name
    assert list(compose([f"technique={typed}"]).technique) == name.split("+")


def test_settings_of_a_part_can_be_typed():
    cfg = compose(["technique=reg+gar", "technique.reg.weight_decay=0.5"])
    assert cfg.technique.reg.weight_decay == 0.5


def test_sweeps_over_chains():
    names = folders("technique=baseline,gar,gar+reg", multirun=True)
    assert [name.split("-")[2] for name in names] == ["baseline", "gar", "gar+reg"]
    with pytest.raises(ConfigError, match="several jobs of the sweep are the same run"):
        folders("technique=gar+reg,reg+gar", multirun=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("technique=gar+rge", "technique=gar+rge: no such choice as rge; did you mean reg?"),
        ("technique=gar+", "technique=gar+: no such choice as ''; there is baseline"),
        ("algo=ppo+dqn", "algo=ppo+dqn: no such choice"),
        ("technique.gar.against=us", "technique.gar.against=us: must be one of mean, others"),
        ("technique.gar.levels=[0,2]", "technique.gar.levels[1]=2: must be a number >= 0 and <= 1"),
        ("technique.gar.levels=[]", "technique=gar with algo=ppo: no level to train on"),
        (
            "algo.n_envs=8",
            "technique=gar with algo=ppo: its 3 levels (0, 0.25, 0.5) cannot have equally many of 8 "
            "envs; take algo.n_envs=9 or algo.n_envs=6",
        ),
        (
            "algo.n_envs=1",
            "technique=gar with algo=ppo: its 3 levels (0, 0.25, 0.5) cannot have equally many of 1 "
            "env; take algo.n_envs=3",
        ),
    ],
)
def test_what_does_not_fit_is_refused(override, message):
    (problem,) = problems("technique=gar", override)
    assert problem.startswith(message)


def test_an_unknown_part_in_an_experiment_is_named(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "table.yaml").write_text(
        "# @package _global_\ndefaults: [{override /technique: gar+nope}]\n"
    )
    with pytest.raises(ConfigError, match="technique/nope"):
        compose(["experiment=table"], config_dir=tmp_path)


def test_the_users_own_technique_joins_a_chain_only_if_it_can(tmp_path, monkeypatch):
    monkeypatch.setenv("RLSUITE_PACKAGES", "suite_fakes")
    (tmp_path / "technique").mkdir()
    text = (conf_dir() / "technique" / "dr.yaml").read_text().replace("dr:\n", "mine:\n")
    (tmp_path / "technique" / "mine.yaml").write_text(text)
    assert not find_problems(compose(["technique=reg+mine", N_ENVS], config_dir=tmp_path))
    own = ["technique=reg+mine", N_ENVS, "technique.mine._target_=suite_fakes.Loner"]
    (problem,) = find_problems(compose(own, config_dir=tmp_path))
    assert problem == "technique=mine+reg with algo=ppo: mine cannot be combined; take it alone"


def test_run_builds_the_chain():
    cfg = compose_settings(["technique=reg+gar", N_ENVS, "algo.n_steps=16"])
    _, agent = build_pair(cfg)
    assert isinstance(agent.technique, Chain)
    assert agent.technique.levels == (0.0, 0.25, 0.5)
    assert applied(cfg) == ["gar", "reg"]
    _, agent = build_pair(compose_settings(["technique=gar", N_ENVS, "algo.n_steps=16"]))
    assert type(agent.technique) is GAR


@pytest.mark.parametrize(("typed", "left"), [("gar", ["baseline"]), ("gar+reg", ["reg"]), ("reg", ["reg"])])
def test_an_algorithm_without_gradients_runs_without_gar_and_says_so(typed, left, monkeypatch, caplog):
    from rlsuite.algos.ppo import PPO

    monkeypatch.setattr(PPO, "ignores", frozenset({"gar"}), raising=False)
    cfg = compose_settings(
        [f"technique={typed}", "algo.n_steps=16"]
    )  # 8 envs do: the three levels are not trained on
    assert applied(cfg) == left
    _, agent = build_pair(cfg)
    assert agent.technique.levels == (0.0,)
    assert ("cannot apply gar" in caplog.text) == ("gar" in typed)


def test_a_population_is_shared_by_the_levels_in_mirrored_pairs():
    (problem,) = problems("algo=es", "technique=dr", envs="algo.population=16")
    assert problem.startswith(
        "technique=dr with algo=es: its 3 levels (0, 0.25, 0.5) cannot have equally many of "
        "algo.population=16; take algo.population=18 or algo.population=12"
    )
    assert not problems("algo=es", envs="technique=dr")
    assert not problems("algo=es", "technique=gar+reg", envs="algo.population=16")  # gar is left out
    (problem,) = problems("algo=es", envs="technique=vrex")
    assert problem.startswith("technique=vrex with algo=es: the algorithm serves baseline, dr, gar, reg only")
    assert "es: baseline, dr, reg (left out: gar)" in problem
