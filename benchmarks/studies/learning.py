"""Does it learn? The mean of 100 greedy episodes at every level after the tuned budget, five seeds for each algorithm.

Every run is `python -m rlsuite.train env=ENV algo=ALGO` with the settings of conf/tuned, in a process of its own; raw means and
steps go to results/learning_ENV.json as they come in. With `--folder` a second call skips what is finished there and resumes
the rest. Asked for on level 0, with 4 of 5 seeds: see LIMITS.

    python -m benchmarks.studies.learning cartpole --jobs 2
    python -m benchmarks.studies.learning minigrid --algos ppo dqn --folder outputs/learning
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import write
from rlsuite.runs.result import Result

LIMITS = {
    "cartpole": {"ppo": 475.0, "dqn": 475.0, "es": 475.0},
    "minigrid": {"ppo": 0.9, "dqn": 0.9, "es": 0.7},
    "starpilot": {"ppo": 12.0},
}
"""The least mean return at level 0, an env and algorithm."""
NEEDED = 0.8
EVALUATION = ["evaluation.episodes=100", "evaluation.n_envs=50", "evaluation.levels=[0,0.25,0.5,0.75,1]"]


def train(env: str, algo: str, seed: int, folder: Path) -> dict[str, Any]:
    """Run one seed; return its mean return a level and what it cost."""
    run = folder / f"{env}-{algo}-{seed}"
    command = [
        sys.executable,
        "-m",
        "rlsuite.train",
        f"env={env}",
        f"algo={algo}",
        f"seed={seed}",
        *EVALUATION,
        f"hydra.run.dir={run}",
    ]
    subprocess.run(command, check=True, capture_output=True)
    result = Result.read(run / "result.json")
    means = {
        f"{entry['level']:g}": round(float(np.mean(entry["greedy"]["returns"])), 3) for entry in result.levels
    }
    return {"seed": seed, "steps": result.steps, "wall_time_s": result.wall_time_s, "mean_return": means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env", choices=LIMITS)
    parser.add_argument("--algos", nargs="+", help="by default all that have a limit")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the runs are kept; by default nowhere")
    args = parser.parse_args()
    limits = LIMITS[args.env]
    rows: dict[str, list[dict[str, Any]]] = {algo: [] for algo in args.algos or limits}
    held = False
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(args.jobs) as pool:
        folder = args.folder or Path(temporary)
        jobs = {
            pool.submit(train, args.env, algo, seed, folder): algo
            for algo in rows
            for seed in range(args.seeds)
        }
        for job in as_completed(jobs):
            rows[jobs[job]].append(job.result())
            found = {algo: summary(runs, limits.get(algo)) for algo, runs in rows.items()}
            held = all(entry["reached"] >= NEEDED * args.seeds for entry in found.values())
            write(f"learning_{args.env}", {"held": held, "algos": found})
    sys.exit(not held)


def summary(runs: list[dict[str, Any]], limit: float | None) -> dict[str, Any]:
    """Return the runs in order of their seeds, and how many reached the limit (all, where none is set)."""
    reached = sum(limit is None or run["mean_return"]["0"] >= limit for run in runs)
    runs = sorted(runs, key=lambda run: run["seed"])
    return {"limit": limit, "seeds": len(runs), "reached": reached, "runs": runs}


if __name__ == "__main__":
    main()
