"""CarRacing-v3, unmodified, 100 episodes: what an algorithm scores that learnt on the patch renderer, a row a seed.

Each run is `python -m rlsuite.train env=carracing algo=ALGO seed=SEED` with the settings of conf/tuned, in a process of its own and kept
in --folder, so the same command goes on where it stopped. Its policy then plays, from pictures alone, 100 whole episodes of
Gymnasium's env, and on the same tracks the patch renderer's: their paired difference is the price of the cheap picture. It plays
as it learnt, by drawing actions; `greedy` beside it takes the mean action. The two are far apart where actions are cut off at
their bounds: the mean of what the car does is then not what it does at the mean.
Beside them random play and doing nothing. Rows go to results/carracing_score.json as they come in, the best seed's film to
docs/results/carracing_drive.gif. Asked for: see LIMITS.

    python benchmarks/carracing_score.py --algos ppo --seeds 3 --folder outputs/carracing_score
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from record import RESULTS, write

from rlsuite.algos.random import Random
from rlsuite.algos.yardstick import Schedule
from rlsuite.comparison import load_run
from rlsuite.contracts import Agent
from rlsuite.envs.carracing import CarRacing
from rlsuite.metrics import paired_interval
from rlsuite.rewards.env import EnvReward
from rlsuite.rollouts import play
from rlsuite.techniques.baseline import Baseline

NAME, FILM = "carracing_score", Path(__file__).parents[1] / "docs" / "results" / "carracing_drive.gif"
LIMITS = {"ppo": 600.0, "world_model": 400.0}  # of the mean over seeds
STREAM, LANES = 20_011, 10  # of the tracks that are judged on, the same for all; none is trained on
SHORT = [
    "evaluation.levels=[0]",
    "evaluation.episodes=10",
    "best_models=null",
]  # the run's own look at itself


def trained(algo: str, seed: int, overrides: list[str], folder: Path) -> tuple[Path, float]:
    """Make a run or finish it; return its folder and the CPU seconds this took."""
    run = folder / f"{algo}-{seed}"
    command = [sys.executable, "-m", "rlsuite.train", "env=carracing", f"algo={algo}", f"seed={seed}", *SHORT,
               *overrides, f"hydra.run.dir={run}"]  # fmt: skip
    _, code, usage = os.wait4(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, 0)
    if code:
        raise SystemExit(f"{' '.join(command)} failed")
    return run, usage.ru_utime + usage.ru_stime


def played(
    agent: Agent, task: CarRacing, renderer: str, episodes: int, greedy: bool = False
) -> dict[str, list]:
    """Play whole episodes on CarRacing-v3's level 0, drawn by ``renderer``."""
    judged = CarRacing(**{**vars(task), "renderer": renderer, "patience": None})
    env = judged.vec_env([0.0], LANES, STREAM)
    return play(agent, env, episodes, deterministic=greedy, seed=STREAM)


def said(values: list[float]) -> dict[str, Any]:
    """Return mean, 95 % bootstrap interval and deviation of episodes' returns."""
    mean, low, high = paired_interval(np.array(values), np.random.default_rng(0))
    return {
        "mean": round(mean, 1),
        "interval": [round(low, 1), round(high, 1)],
        "std": round(float(np.std(values)), 1),
    }


def row(algo: str, seed: int, run: Path, cpu_s: float, episodes: int) -> dict[str, Any]:
    """Judge a finished run."""
    cfg, task, agent = load_run(run)
    assert isinstance(task, CarRacing)
    stock, patch = (played(agent, task, renderer, episodes) for renderer in ("stock", "patch"))
    greedy = played(agent, task, "stock", episodes, greedy=True)
    apart = np.array(stock["returns"]) - np.array(patch["returns"])
    return {
        "algo": algo, "seed": seed, "frames": cfg.total_steps * task.frame_skip, "cpu_s": round(cpu_s, 1),
        "episodes": len(apart), "stock": said(stock["returns"]), "laps": round(float(np.mean(stock["success"])), 3),
        "greedy": said(greedy["returns"]), "patch": said(patch["returns"]), "stock_minus_patch": said(apart.tolist()),
        "returns": [round(value, 1) for value in stock["returns"]],
    }  # fmt: skip


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
    parser.add_argument("--algos", nargs="+", default=["ppo"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("outputs") / NAME)
    parser.add_argument("overrides", nargs="*", help="such as total_steps=1000000")
    args = parser.parse_args()
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    found = marks(args.episodes)
    for algo, seed in ((algo, seed) for algo in args.algos for seed in range(args.seeds)):
        if any((r["algo"], r["seed"]) == (algo, seed) for r in rows):
            continue
        rows.append(row(algo, seed, *trained(algo, seed, args.overrides, args.folder), args.episodes))
        best = max(rows, key=lambda r: r["stock"]["mean"])
        if best is rows[-1]:
            shutil.copy(args.folder / f"{algo}-{seed}" / "pictures" / "drive.gif", FILM)
        write(NAME, {"limits": LIMITS, "marks": found, "mean": means(rows), "rows": rows})
    sys.exit(any(mean < LIMITS.get(algo, mean) for algo, mean in means(rows).items()))


def means(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return each algorithm's mean over seeds."""
    by_algo = {
        algo: [r["stock"]["mean"] for r in rows if r["algo"] == algo] for algo in {r["algo"] for r in rows}
    }
    return {algo: round(float(np.mean(values)), 1) for algo, values in by_algo.items()}


if __name__ == "__main__":
    main()
