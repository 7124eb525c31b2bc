"""``experiment=tune_*``: Optuna proposes, our launcher runs; the same command finds what is done."""

import json

import pytest
import yaml
from sweeps import command

from rlsuite.launch.plan import Command, make_plan

SMALL = (
    "total_steps=256",
    "evaluation.episodes=1",
    "evaluation.levels=[0]",
    "algo.n_envs=1",
    "hydra.sweeper.n_trials=4",
    "hydra.sweeper.n_jobs=2",
)


def test_without_optuna_the_way_to_it_is_told():
    try:
        import optuna  # noqa: F401
    except ImportError:
        with pytest.raises(Exception, match="rlsuite\\[optuna\\]"):
            make_plan(Command(["experiment=tune_cartpole_ppo"]))
    else:
        assert make_plan(Command(["experiment=tune_cartpole_ppo"])).open_ended


@pytest.mark.parametrize("storage", ["null", "sqlite:///study.db"])
def test_search_in_memory_and_in_sqlite(storage, tmp_path):
    pytest.importorskip("optuna", reason="needs rlsuite[optuna]")
    line = ("experiment=tune_cartpole_ppo", "hardware=pool", *SMALL, f"hydra.sweeper.storage={storage}")
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (best,) = tmp_path.glob("multirun/tune_cartpole_ppo/optimization_results.yaml")
    found = yaml.safe_load(best.read_text())
    runs = list(tmp_path.glob("multirun/tune_cartpole_ppo/*/result.json"))
    assert len(runs) == 4
    values = [json.loads(run.read_text())["levels"][0]["greedy"]["returns"][0] for run in runs]
    assert found["best_value"] == max(values)
    if storage == "null":
        again = command(*line, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "4 of 4 runs completed (4 of them before)" in again.stdout
    else:
        assert (tmp_path / "study.db").exists()
