"""The best model of each algorithm and env: the rule, many runs finishing at once, and loading without this package."""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rlsuite.config.settings import compose_settings
from rlsuite.experiment.run import run
from rlsuite.runs.best_models import enter, level_0_score, read_scores
from rlsuite.runs.result import Result

SMALL = ["total_steps=256", "evaluation.episodes=2", "evaluation.levels=[0,1]"]


def result(score: float, seed: int = 0, max_steps: int = 500, **fields) -> Result:
    """A finished run; its model's bytes are its seed."""
    choices = {"env": "cartpole", "algo": "ppo", "technique": "gar", "reward": "env"}
    config = {"env": {"max_steps": max_steps}, "reward": {"_target_": "x"}}
    levels = [
        {"level": 1.0, "greedy": {"returns": [999.0]}},
        {"level": 0.0, "greedy": {"returns": [score - 1, score + 1]}},
    ]
    return Result("id", fields.pop("status", "running"), choices, seed, config, levels=levels, **fields)


def finish(found: Result, place: Path) -> bool:
    run = place.parent / f"run{found.seed}"
    run.mkdir(exist_ok=True)
    (run / "model.zip").write_text(str(found.seed))
    return enter(found, run, place)


def test_a_better_run_replaces_a_worse_one_and_a_tie_does_not(tmp_path: Path) -> None:
    place = tmp_path / "best"
    assert finish(result(100, seed=1, steps=7), place)
    assert not finish(result(50, seed=2), place)
    assert not finish(result(100, seed=3), place)
    assert (place / "cartpole_ppo.zip").read_text() == "1"
    assert finish(result(100.5, seed=4), place)
    entry = read_scores(place)["cartpole_ppo"]
    assert (entry["score"], entry["seed"], entry["technique"], entry["episodes"]) == (100.5, 4, "gar", 2)
    assert entry["run"] == str(tmp_path / "run4")
    assert (place / "cartpole_ppo.zip").read_text() == "4"


@pytest.mark.parametrize(
    "found",
    [
        result(500, status="diverged"),
        result(500, status="failed"),
        result(np.nan),
        Result("id", "running", {}, 0, {}, levels=[]),
    ],
)
def test_what_never_enters(found: Result, tmp_path: Path) -> None:
    assert not finish(found, tmp_path / "best")
    assert not (tmp_path / "best").exists()


def test_score_is_the_greedy_mean_on_level_0() -> None:
    assert level_0_score(result(20)) == 20


def test_returns_of_different_tasks_are_not_compared(tmp_path: Path) -> None:
    place = tmp_path / "best"
    assert finish(result(100, seed=1, max_steps=100), place)
    assert finish(result(90, seed=2, max_steps=500), place)
    assert not finish(result(80, seed=3, max_steps=500), place)
    scores = read_scores(place)
    assert len(scores) == 2
    assert scores["cartpole_ppo"]["score"] == 100
    other = next(name for name in scores if name != "cartpole_ppo")
    assert other == f"cartpole_ppo-{scores[other]['task']}"
    assert (place / f"{other}.zip").read_text() == "2"


def _finish_many(place: Path, first: int) -> None:
    for seed in range(first, 40, 4):
        finish(result(float(seed * 7 % 40), seed=seed), place)


def test_runs_that_finish_at_once_leave_the_best(tmp_path: Path) -> None:
    place = tmp_path / "best"
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_finish_many, [place] * 4, range(4)))
    best = max(range(40), key=lambda seed: seed * 7 % 40)
    assert read_scores(place)["cartpole_ppo"]["seed"] == best
    assert (place / "cartpole_ppo.zip").read_text() == str(best)
    assert sorted(p.name for p in place.iterdir()) == [".lock", "best_scores.json", "cartpole_ppo.zip"]


@pytest.mark.parametrize("algo", ["ppo", "dqn", "a2c"])
def test_plain_sb3_loads_it_where_this_package_is_not(algo: str, tmp_path: Path) -> None:
    own = ["algo.network.observation_scale=null"] * (algo == "dqn")  # scaling is a part of ours
    cfg = compose_settings(
        [*SMALL, f"algo={algo}", "algo.lr_schedule=linear", f"best_models={tmp_path / 'best'}", *own]
    )
    run(cfg, tmp_path / "run")
    code = (
        "import sys; sys.modules['rlsuite'] = None\n"
        f"import numpy, stable_baselines3 as sb3; model = sb3.{algo.upper()}.load({str(tmp_path / 'best' / f'cartpole_{algo}.zip')!r})\n"
        "print(model.predict(numpy.zeros(4, numpy.float32), deterministic=True)[0])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() in {"0", "1"}


def test_an_unusable_place_costs_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert (
        run(compose_settings([*SMALL, f"best_models={tmp_path / 'file'}"]), tmp_path / "run").status
        == "completed"
    )
    assert (
        run(compose_settings([*SMALL, "best_models=null", "seed=1"]), tmp_path / "other").status
        == "completed"
    )
