"""CartPole after 50,000 steps: the mean of 100 greedy episodes at every level, five seeds for each algorithm.

Every run is `python -m rlsuite.train env=cartpole` with the tuned settings (conf/tuned), in a process of its own; raw
means and steps go to results/cartpole_learning.json as they come in. With `--folder` a second call skips what is finished
there and resumes the rest. Asked for: at least 475 on level 0 with 4 of 5 seeds.

    python benchmarks/cartpole_learning.py --algos ppo dqn es --seeds 5 --jobs 2
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
from record import write

from rlsuite.result import Result

LIMIT, NEEDED = 475.0, 0.8
EVALUATION = ["evaluation.episodes=100", "evaluation.n_envs=100", "evaluation.levels=[0,0.25,0.5,0.75,1]"]


def train(algo: str, seed: int, steps: int, technique: str, folder: Path) -> dict[str, Any]:
    """Run one seed; return its mean return a level and what it cost."""
    run = folder / f"{algo}-{technique}-{seed}"
    command = [sys.executable, "-m", "rlsuite.train", "env=cartpole", f"algo={algo}", f"technique={technique}",
               f"seed={seed}", f"total_steps={steps}", *EVALUATION, f"hydra.run.dir={run}"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    result = Result.read(run / "result.json")
    means = {
        f"{entry['level']:g}": round(float(np.mean(entry["greedy"]["returns"])), 1) for entry in result.levels
    }
    return {"seed": seed, "steps": result.steps, "wall_time_s": result.wall_time_s, "mean_return": means}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algos", nargs="+", default=["ppo", "dqn", "es"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--technique", default="baseline")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the runs are kept; by default nowhere"
    )
    args = parser.parse_args()
    name = "cartpole_learning" + ("" if args.technique == "baseline" else f"_{args.technique}")
    rows: dict[str, list[dict[str, Any]]] = {algo: [] for algo in args.algos}
    held = False
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(args.jobs) as pool:
        folder = args.folder or Path(temporary)
        jobs = {pool.submit(train, algo, seed, args.steps, args.technique, folder): algo
                for algo in args.algos for seed in range(args.seeds)}  # fmt: skip
        for job in as_completed(jobs):
            rows[jobs[job]].append(job.result())
            found = {algo: summary(runs) for algo, runs in rows.items()}
            held = all(entry["reached"] >= NEEDED * args.seeds for entry in found.values())
            write(name, {"limit": LIMIT, "held": held, "technique": args.technique, "algos": found})
    sys.exit(not held)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the runs in order of their seeds, and how many reached the limit."""
    reached = sum(run["mean_return"]["0"] >= LIMIT for run in runs)
    return {"seeds": len(runs), "reached": reached, "runs": sorted(runs, key=lambda run: run["seed"])}


if __name__ == "__main__":
    main()
