"""CarRacing-v3, unmodified, 100 episodes: what an algorithm scores that learnt on the patch renderer, a row a seed.

Each run is `python -m rlsuite.train env=carracing seed=SEED` with what ARMS adds to conf/tuned, in a process of its own and kept
in --folder, so the same command goes on where it stopped. Its policy then plays, from pictures alone, 100 whole episodes of
Gymnasium's env, and on the same tracks the patch renderer's: their paired difference is the price of the cheap picture. It plays
as it learnt, by drawing actions; `greedy` beside it takes the mean action. The two are far apart where actions are cut off at
their bounds: the mean of what the car does is then not what it does at the mean.
Beside them random play and doing nothing. Rows go to results/carracing_score.json as they come in, the best seed's film to
docs/results/carracing_drive.gif. Asked for: see LIMITS.

    python -m benchmarks.studies.carracing_score --arms ppo --seeds 3
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import RESULTS, ROOT, write
from rlsuite.algos.random import Random
from rlsuite.algos.reference.policy import Schedule
from rlsuite.core.interfaces import Agent
from rlsuite.envs.carracing.task import CarRacing
from rlsuite.experiment.compare import load_run
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.metrics import paired_interval
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.result import Result
from rlsuite.techniques.baseline import Baseline

NAME, FILM = "carracing_score", ROOT / "docs" / "results" / "carracing_drive.gif"
ARMS = {
    "ppo": ["algo=ppo"],
    "ppo_1M": ["algo=ppo", "total_steps=250_000", "algo.network.log_std_init=-0.5"],  # frames; a noisier hand
    "world_model": ["algo=world_model"],
    "grid_200k": ["algo=world_model", "total_steps=50_000"],  # what eyes are worth that keep places apart
    "mean_200k": ["algo=world_model", "total_steps=50_000", "algo.vision.pool=mean"],
}
LIMITS = {"ppo": 800.0, "ppo_1M": 600.0, "world_model": 400.0}  # of the mean over seeds
STREAM, N_ENVS = 20_011, 10  # of the tracks that are judged on, the same for all; none is trained on
SHORT = [
    "evaluation.levels=[0]",
    "evaluation.episodes=10",
    "best_models=null",
]  # the run's own look at itself


def trained(arm: str, seed: int, folder: Path) -> Path:
    """Make a run or finish it; return its folder."""
    run = folder / f"{arm}-{seed}"
    command = [
        sys.executable,
        "-m",
        "rlsuite.train",
        "env=carracing",
        f"seed={seed}",
        *ARMS[arm],
        *SHORT,
        f"hydra.run.dir={run}",
    ]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return run


def played(
    agent: Agent, task: CarRacing, renderer: str, episodes: int, greedy: bool = False
) -> dict[str, list]:
    """Play whole episodes on CarRacing-v3's level 0, drawn by ``renderer``."""
    judged = CarRacing(**{**vars(task), "renderer": renderer, "patience": None})
    env = judged.vec_env([0.0], N_ENVS, STREAM)
    return play_episodes(agent, env, episodes, deterministic=greedy, seed=STREAM)


def said(values: list[float]) -> dict[str, Any]:
    """Return mean, 95 % bootstrap interval and deviation of episodes' returns."""
    mean, low, high = paired_interval(np.array(values), np.random.default_rng(0))
    return {
        "mean": round(mean, 1),
        "interval": [round(low, 1), round(high, 1)],
        "std": round(float(np.std(values)), 1),
    }


def row(arm: str, seed: int, run: Path, episodes: int) -> dict[str, Any]:
    """Judge a finished run."""
    cfg, task, agent = load_run(run)
    assert isinstance(task, CarRacing)
    stock, patch = (played(agent, task, renderer, episodes) for renderer in ("stock", "patch"))
    greedy = played(agent, task, "stock", episodes, greedy=True)
    apart = np.array(stock["returns"]) - np.array(patch["returns"])
    return {
        "arm": arm,
        "seed": seed,
        "frames": cfg.total_steps * task.frame_skip,
        "wall_time_s": round(Result.read(run / "result.json").wall_time_s),
        "episodes": len(apart),
        "stock": said(stock["returns"]),
        "laps": round(float(np.mean(stock["success"])), 3),
        "greedy": said(greedy["returns"]),
        "patch": said(patch["returns"]),
        "stock_minus_patch": said(apart.tolist()),
        "returns": [round(value, 1) for value in stock["returns"]],
    }


def marks(episodes: int) -> dict[str, Any]:
    """Return what random play and doing nothing score; no picture is needed for that, so the cheap one is drawn."""
    task = CarRacing(reward=EnvReward(), judged="patch")
    shared = {"task": task, "technique": Baseline(), "seed": 0}
    policies = {"random": Random(**shared), "nothing": Schedule(**shared, actions=[[0.0, 0.0]])}
    return {
        name: said(played(policy, task, "patch", episodes)["returns"]) for name, policy in policies.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["ppo"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("outputs") / NAME)
    args = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    found = marks(args.episodes)
    for arm, seed in ((arm, seed) for arm in args.arms for seed in range(args.seeds)):
        if any((r["arm"], r["seed"]) == (arm, seed) for r in rows):
            continue
        run = trained(arm, seed, args.folder)
        rows.append(row(arm, seed, run, args.episodes))
        best = max(rows, key=lambda r: r["stock"]["mean"])
        if best is rows[-1]:
            shutil.copy(run / "pictures" / "drive.gif", FILM)
        write(NAME, {"limits": LIMITS, "marks": found, "mean": means(rows), "rows": rows})
    sys.exit(any(mean < LIMITS.get(arm, mean) for arm, mean in means(rows).items()))


def means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return each arm's mean over seeds."""
    arms = {row["arm"]: [r["stock"]["mean"] for r in rows if r["arm"] == row["arm"]] for row in rows}
    return {arm: round(float(np.mean(values)), 1) for arm, values in arms.items()}


if __name__ == "__main__":
    main()
