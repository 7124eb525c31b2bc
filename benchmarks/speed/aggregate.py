"""How long `python -m rlsuite.analysis` takes for 10,000 runs: cold, with its cache, and at a tenth and a half of them.

The runs are generated in the real schema, raw episode values and learning curves included: 20 envs x 4 algorithms x 5
techniques x 25 seeds, 20 episodes a level (the suite's default) for both policies, 100 updates a history. The whole command is measured,
start of Python, report and figures included. Numbers go to results/aggregate.json.

    python -m benchmarks.speed.aggregate --runs 10000
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np

from rlsuite.runs.result import Result

LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
ALGOS = ("ppo", "dqn", "a2c", "es")
TECHNIQUES = ("baseline", "reg", "dr", "gar", "gar+reg")
GAIN = {"baseline": 0.0, "reg": 0.0, "dr": 0.08, "gar": 0.08, "gar+reg": 0.08}


def generate(
    root: Path,
    envs: int,
    seeds: int,
    algos: Sequence[str] = ALGOS,
    techniques: Sequence[str] = TECHNIQUES,
    *,
    floors: bool = True,
) -> int:
    """Write ``envs x algos x techniques x seeds`` run folders; return how many. dr and its kin help on shifted levels."""
    rng, count = np.random.default_rng(0), 0
    for e, algo, technique, seed in product(range(envs), algos, techniques, range(seeds)):
        folder = root / f"env{e:02d}-{algo}-{technique}-s{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        skill, hold = rng.normal(0.8, 0.08), rng.normal(0.5 + GAIN[technique] * 3, 0.1)
        result = make(f"env{e:02d}", algo, technique, seed, skill, hold, rng, floors)
        (folder / "result.json").write_text(json.dumps(asdict(result), indent=1) + "\n")
        (folder / "history.csv").write_text(history(skill * 100, rng))
        (folder / "status.json").write_text('{"state": "completed"}')
        count += 1
    return count


def make(
    env: str,
    algo: str,
    technique: str,
    seed: int,
    skill: float,
    hold: float,
    rng: np.random.Generator,
    floors: bool,
) -> Result:
    """Return a result with 20 episodes a level and mode; returns sink from 100 skill towards the floor of 10."""
    levels = []
    for level in LEVELS:
        mean = 10 + 90 * skill * (1 - level * (1 - np.clip(hold, 0, 1)))
        entry: dict = {"level": float(level)} | ({"floor": 10.0, "reference": 100.0} if floors else {})
        for mode in ("greedy", "sampled"):
            returns = rng.normal(mean, 15, 20)
            entry[mode] = {
                "returns": returns.tolist(),
                "lengths": np.abs(returns * 3).astype(int).tolist(),
                "success": (returns > 50).tolist(),
            }
        levels.append(entry)
    choices = {
        "env": env,
        "algo": algo,
        "technique": technique,
        "reward": "env",
        "hardware": "cpu",
        "experiment": None,
    }
    applied = (
        technique
        if algo != "es" or "gar" not in technique
        else technique.replace("gar+", "").replace("gar", "baseline")
    )
    config = {
        "seed": seed,
        "total_steps": 100_000,
        "choices": choices,
        "hardware": {"device": "cpu", "threads": 1},
        "evaluation": {"levels": LEVELS.tolist(), "episodes": 20, "n_envs": 5, "every": 0, "patience": 0},
        "env": {"_target_": f"rlsuite.envs.{env}.Env", "max_steps": 500},
        "reward": {"_target_": "rlsuite.rewards.env.Env"},
        "technique": {name: {"_target_": f"rlsuite.techniques.{name}"} for name in technique.split("+")},
        "algo": {"_target_": f"rlsuite.algos.{algo}"} | {f"setting_{i}": i / 10 for i in range(18)},
    }
    steps = np.arange(0, 100_000, 5_000)
    agreement = np.clip(0.3 + 0.4 * hold + rng.normal(0, 0.05, len(steps)), -1, 1)
    early = {
        "ratio": float(agreement.mean()),
        "pairwise": float(agreement.mean() * 0.6),
        "parameter_norm": float(rng.normal(10, 1)),
    }
    return Result(
        f"{env}-{algo}-{technique}-s{seed}",
        "completed",
        choices,
        seed,
        config,
        applied.split("+"),
        levels,
        gas={"early": early, "series": {"step": steps.tolist(), "ratio": agreement.tolist()}},
        steps=100_000,
        wall_time_s=float(rng.uniform(50, 90)),
        steps_per_s=1500.0,
        parameter_hash="0" * 64,
    )


def history(end: float, rng: np.random.Generator) -> str:
    """Return a history.csv of 100 updates and 16 columns, a third of its cells empty as in real ones."""
    names = ["step", "rollout/ep_rew_mean", *(f"train/metric_{i}" for i in range(14))]
    steps = np.arange(1, 101) * 1000
    curve = end * (1 - np.exp(-steps / 30_000)) + rng.normal(0, 4, 100)
    others = rng.normal(size=(100, 14)).tolist()
    rows = [
        f"{s},{c!r}," + ",".join("" if i % 3 == 0 else repr(v) for i, v in enumerate(row))
        for s, c, row in zip(steps.tolist(), curve.tolist(), others, strict=True)
    ]
    return "\n".join([",".join(names), *rows]) + "\n"


def measure(root: Path, out: Path) -> dict[str, float]:
    """Run the command in a process of its own; return the machine's load, seconds, CPU seconds and peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rlsuite.analysis", f"root={root}", f"out={out}"], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("the analysis failed")
    load = os.getloadavg()[0]
    return {
        "load": round(load, 1),
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }


def main() -> None:
    from benchmarks.record import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    found = []
    for part in (0.1, 0.5, 1.0):
        work = Path(tempfile.mkdtemp())
        seeds = round(args.runs * part / 20 / len(ALGOS) / len(TECHNIQUES))
        runs = generate(work / "runs", 20, seeds)
        colds, warms, touched = [], [], []
        for _ in range(args.repeats):
            shutil.rmtree(work / "out", ignore_errors=True)
            colds.append(measure(work / "runs", work / "out"))
            warms.append(measure(work / "runs", work / "out"))
            os.utime(work / "runs" / "env00-ppo-dr-s0" / "result.json")
            touched.append(measure(work / "runs", work / "out"))
        row = {
            "runs": runs,
            "json_mb": round(sum(f.stat().st_size for f in work.glob("runs/*/*")) / 1e6, 1),
            "report_mb": round((work / "out" / "report.html").stat().st_size / 1e6, 2),
            "cold": colds,
            "with_cache": warms,
            "with_cache_one_run_changed": touched,
        }
        found.append(row)
        shutil.rmtree(work)
    write("aggregate", {"note": "files in the page cache; three repeats each", "sizes": found})


if __name__ == "__main__":
    main()
