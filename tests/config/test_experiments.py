"""Every experiment: all its jobs compose and pass the check, and its techniques are compared at equal cost."""

from collections import defaultdict

import pytest
from omegaconf import OmegaConf

from rlsuite.config.compose import compose, session, without_hydra
from rlsuite.config.files import conf_dir
from rlsuite.config.overrides import compose_or_complain, parse
from rlsuite.config.schema import Pretraining, Training
from rlsuite.config.validate import find_problems
from rlsuite.launch.plan import _jobs

NAMES = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
STUDIES = {
    "generalisation": 108,
    "generalisation_control": 135,
    "generalisation_cartpole": 36,
    "generalisation_minigrid": 36,
    "generalisation_starpilot": 36,
    "original_protocol": 54,
    "sprites_curves": 120,
    "sprites_table1": 10,
    "var_pareto": 20,
}
PRETRAININGS = {"sprites_table1"}
COST = (
    "n_envs",
    "n_steps",
    "batch_size",
    "n_epochs",
    "train_freq",
    "gradient_steps",
    "population",
    "episodes",
)


def root_of(name: str) -> str:
    """The config an experiment belongs to."""
    return "pretrain" if name in PRETRAININGS else "config"


def overrides(name: str, *given: str) -> list:
    """The overrides of every job."""
    with session():
        parsed = parse([f"experiment={name}", *given])[0]
        fixed = [override for override in parsed if not override.is_sweep_override()]
        return list(_jobs(parsed, compose_or_complain(fixed, root_of(name))[0]))


def composed(name: str, *given: str) -> list:
    """The config of every job, with what is wrong with it and the name of its run."""
    with session():
        found = [compose_or_complain(job, root_of(name)) for job in overrides(name, *given)]
    assert not [problem for _, problems in found for problem in problems]
    return [(without_hydra(cfg), str(cfg.hydra.sweep.subdir)) for cfg, _ in found]


@pytest.fixture(scope="module")
def control() -> list:
    return composed("generalisation_control", "seed=0")  # its seeds differ in nothing else


@pytest.fixture(scope="module")
def protocol() -> list:
    return composed("original_protocol", "seed=0")


@pytest.mark.parametrize("name", NAMES)
def test_there_are_as_many_jobs_as_the_file_says(name: str) -> None:
    assert len(overrides(name)) == STUDIES.get(name, 1)


@pytest.mark.parametrize(
    "name", ["control", "protocol"]
)  # control holds the main table, and that the tables of the envs
def test_every_job_passes_the_check_and_is_a_run_of_its_own(name: str, request) -> None:
    jobs = request.getfixturevalue(name)
    assert {problem for cfg, _ in jobs for problem in find_problems(cfg)} == set()
    assert len({run for _, run in jobs}) == len(jobs)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_what_it_makes_and_its_command(name: str) -> None:
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n# ")
    program = "pretrain" if name in PRETRAININGS else "train"
    assert f"python -m rlsuite.{program} -m experiment={name}" in text


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_without_its_sweep_is_a_run_too(name: str) -> None:
    if name.startswith("tune_"):
        pytest.importorskip("optuna", reason="needs rlsuite[optuna]")
    schema = Pretraining if name in PRETRAININGS else Training
    assert not find_problems(compose([f"experiment={name}"], root_of(name)), schema)


def test_table_1_is_made_by_both_encoders() -> None:
    jobs = composed("sprites_table1")
    assert {problem for cfg, _ in jobs for problem in find_problems(cfg, Pretraining)} == set()
    assert {(cfg.model.objective, tuple(cfg.model.updates)) for cfg, _ in jobs} == {
        ("reward", (6000, 6000)),
        ("image", (3000, 3000)),
    }
    assert len({run for _, run in jobs}) == 10


@pytest.mark.parametrize(
    ("given", "runs"),
    [("env=cartpole", 36), ("env=minigrid", 36), ("technique=gar", 27), ("seed=range(5)", 180)],
)
def test_an_axis_given_on_the_command_line_restricts_the_sweep(given: str, runs: int) -> None:
    assert len(overrides("generalisation", given)) == runs


def test_techniques_cost_the_same_and_share_envs_by_three(control: list) -> None:
    costs = defaultdict(set)
    for cfg, _ in control:
        pair, algo = (cfg.choices.env, cfg.choices.algo), cfg.algo
        costs[pair].add((cfg.total_steps, *(str(algo.get(key)) for key in COST)))
        assert algo.get("n_envs", algo.get("population")) % 3 == 0
    assert len(costs) == 9
    assert all(len(found) == 1 for found in costs.values())


def test_budgets_of_the_study(control: list) -> None:
    steps = {(cfg.choices.env, cfg.choices.algo): cfg.total_steps for cfg, _ in control}
    assert [steps["cartpole", algo] for algo in ("ppo", "dqn", "es")] == [50_000] * 3
    assert [steps["minigrid", algo] for algo in ("ppo", "dqn", "es")] == [200_000, 200_000, 1_000_000]


def test_the_seeds_protocol_is_the_seeds(protocol: list) -> None:
    found = {(cfg.choices.env, cfg.choices.algo): cfg for cfg, _ in protocol}
    steps = {"cartpole": 50_000, "minigrid": 1_000_000, "starpilot": 3_000_000}
    assert {pair: cfg.total_steps for pair, cfg in found.items()} == {(e, a): steps[e] for e, a in found}
    assert {e: found[e, "dqn"].env.get("max_steps") for e in steps} == {
        "cartpole": 500,
        "minigrid": 100,
        "starpilot": None,
    }
    rates = {pair: cfg.algo.learning_rate for pair, cfg in found.items() if pair[1] != "es"}
    assert rates == {
        ("cartpole", "dqn"): 1e-4,
        ("cartpole", "ppo"): 3e-4,
        ("minigrid", "dqn"): 1e-4,
        ("minigrid", "ppo"): 2e-4,
        ("starpilot", "dqn"): 2.5e-5,
        ("starpilot", "ppo"): 5e-5,
    }
    population = {e: (found[e, "es"].algo.population, found[e, "es"].algo.sigma) for e in steps}
    assert population == {"cartpole": (50, 0.1), "minigrid": (40, 0.1), "starpilot": (20, 0.02)}
    for env in steps:
        dqn = OmegaConf.to_container(found[env, "dqn"].algo)
        assert (dqn["buffer_size"], dqn["exploration"]["fraction"], dqn["exploration"]["final_eps"]) == (
            100_000,
            0.7,
            0.05,
        )
        assert dqn["n_steps"] == 1
