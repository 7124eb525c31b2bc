"""Learned decoding schedules of env=arpg against cosine with eight steps, over seeds: does GRPO beat the schedule it starts from?

Arms learn the counts; counts and a factor of the guidance weight (cfg); or counts and positions. Since guidance alone helps, cosine
stands there with constant factors too. Every arm trains `python -m rlsuite.train env=arpg algo=grpo` from the cosine schedule, with steps beyond its target costing
reward: eight steps, or five. Measured of each seed's greedy policy, on n images of all ten classes from starts that all policies
share: accuracy, Inception-style score and Fréchet distance of the digit classifier, mean steps; beside them the mean CLIP score
and reward of drawn episodes before (iteration 0, the zero-initialised policy) and after training, with standard errors, and the CPU-seconds of
the training. Runs and cells already there are kept: the command typed again goes on where it was.

    python benchmarks/arpg_learned.py --arms cfg_8 cfg_5 --seeds 3 --images 4000
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arpg_baselines import Judge, learned, play
from record import write

from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.io import write_json
from rlsuite.experiment.compare import load_run
from rlsuite.experiment.rollouts import play as play_episodes
from rlsuite.experiment.run import build_pair
from rlsuite.metrics import paired_interval

ARMS = {
    f"{name}_{steps}": [
        f"env.action={action}",
        f"reward.target_steps={steps}",
        f"env.hand_steps={steps}",
        f"env.lookahead={'true' if name == 'positions' else 'false'}",
    ]
    for name, action in (("cfg", "count+cfg"), ("count", "count"), ("positions", "count+positions"))
    for steps in (8, 5)
}
FACTORS, LEVEL, DRAWN = (1.0, 1.5, 2.0, 3.0), 0.0, 2048  # of the guidance weight; starts of drawn episodes
BASELINES = {
    f"cosine {steps}" + (f", guidance x{factor:g}" if factor != 1 else ""): (steps, i)
    for steps in (8, 5)
    for i, factor in enumerate(FACTORS)
}


def train(folder: Path, seed: int, overrides: list[str]) -> float | None:
    """Run the training command; return the CPU-seconds it took, None of a run that was there already."""
    there = (folder / "result.json").exists()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "rlsuite.train", "env=arpg", "algo=grpo", f"seed={seed}", *overrides]
    quiet = ["best_models=null", "evaluation.levels=[0.0]", f"hydra.run.dir={folder}"]
    subprocess.run([*command, *quiet], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return None if there else round(spent, 1)


def drawn_rewards(folder: Path, greedy: bool = False) -> dict[str, Any]:
    """Mean reward, CLIP score and steps of episodes from the same starts, before and after training; greedy: the hand schedule before."""
    cfg, task, agent = load_run(folder)
    _, fresh = build_pair(cfg)
    found: dict[str, Any] = {}
    for name, policy in (("before", fresh), ("after", agent)):
        env = task.vec_env([LEVEL], 64, 90_000 + cfg.seed)
        played = play_episodes(policy, env, DRAWN, deterministic=greedy, seed=cfg.seed)
        found[name] = {key: np.array(played[key]) for key in ("returns", "clip_score", "steps")}
    gain = found["after"]["returns"] - found["before"]["returns"]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    means = {
        f"{key}_{name}": round(float(v.mean()), 4) for name, rows in found.items() for key, v in rows.items()
    }
    return {
        **means,
        "gain": round(float(gain.mean()), 4),
        "gain_se": round(error, 4),
        "gain_in_se": round(float(gain.mean()) / error, 1),
    }


def correct(judge: Judge, images: torch.Tensor, labels: torch.Tensor) -> list[int]:
    """Whether each image is recognised: for paired intervals."""
    with torch.no_grad():
        return (judge.classifier(images * 2 - 1).argmax(1) == labels).int().tolist()


def measured(judge: Judge, make: Any, n: int) -> dict[str, Any]:
    """A cell of the baselines' table, with each image's outcome."""
    kept: list[Any] = []

    def once(count: int) -> Any:
        kept.extend(make(count))
        return kept

    return {**judge.cell(once, n), "correct": correct(judge, kept[0], kept[1])}


def seed_cell(
    args: argparse.Namespace, judge: Judge, arm: str, seed: int, old: dict[str, Any]
) -> dict[str, Any]:
    """Train and measure one seed of one arm."""
    folder = args.out / f"{arm}-s{seed}"
    cpu = train(folder, seed, [*ARMS[arm], *args.overrides])
    task, policy = learned(folder)
    cell = measured(judge, lambda n: play(task, policy, LEVEL, n, seed=1), args.images)
    greedy = {f"greedy_{key}": value for key, value in drawn_rewards(folder, greedy=True).items()}
    return {**cell, **drawn_rewards(folder), **greedy, "train_cpu_s": old.get("train_cpu_s", cpu)}


def guided(counts: list[int], factor: int) -> Any:
    """The policy that plays a schedule with one of ``FACTORS``."""
    return lambda observations, t: np.full(len(observations), (counts[t] - 1) * len(FACTORS) + factor)


def against(cells: list[dict[str, Any]], bases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds, and paired intervals of accuracy minus each baseline's, seeds resampled first."""
    shown = (
        "steps",
        "accuracy",
        "inception",
        "frechet",
        "clip_score_after",
        "train_cpu_s",
        "gain_in_se",
        "greedy_gain_in_se",
    )
    found: dict[str, Any] = {}
    for key in shown:
        values = [cell[key] for cell in cells if cell[key] is not None]
        found[key] = round(float(np.mean(values)), 4) if values else None
    for name, base in bases.items():
        gains = [np.subtract(cell["correct"], base["correct"]).astype(float) for cell in cells]
        groups = np.repeat(np.arange(len(gains)), [len(g) for g in gains]) if len(gains) > 1 else None
        interval = paired_interval(np.concatenate(gains), np.random.default_rng(0), groups)
        found[f"accuracy minus {name}"] = [round(v, 4) for v in interval]
    return found


def summary(known: dict[str, Any], arms: list[str]) -> dict[str, Any]:
    """The table to publish: without the outcome of each image."""
    bases = {name: known[name] for name in BASELINES if name in known}
    table: dict[str, Any] = {
        name: {k: v for k, v in cell.items() if k != "correct"} for name, cell in bases.items()
    }
    for arm in arms:
        cells = [known[key] for key in sorted(known) if key.startswith(f"{arm}-s")]
        if cells:
            by_seed = [{k: v for k, v in cell.items() if k != "correct"} for cell in cells]
            table[arm] = {"mean": against(cells, bases), "by_seed": by_seed}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("outputs/arpg_learned"))
    parser.add_argument("overrides", nargs="*", help="of the training command")
    args = parser.parse_args()
    torch.set_num_threads(1)
    judge, work = Judge(), args.out / "cells.json"
    known = json.loads(work.read_text()) if work.exists() else {}
    factors = ",".join(map(str, FACTORS))
    shared = ["env=arpg", "reward=env", "env.max_parallel=64", "env.lookahead=false", "env.action=count+cfg"]
    cfg = compose([*shared, f"env.guidances=[{factors}]"])
    hand = build(cfg.env, reward=build(cfg.reward))
    cells: dict[str, Any] = {name: (None, *setting) for name, setting in BASELINES.items()}
    cells |= {f"{arm}-s{seed}": (arm, seed) for seed in range(args.seeds) for arm in args.arms}
    for name, (arm, *setting) in cells.items():
        old = known.get(name, {})
        if old.get("n") == args.images:
            continue
        if arm is None:
            policy = guided(hand.hand_counts("cosine", setting[0]), setting[1])
            known[name] = measured(judge, lambda n, p=policy: play(hand, p, LEVEL, n, seed=1), args.images)
        else:
            known[name] = seed_cell(args, judge, arm, setting[0], old)
        args.out.mkdir(parents=True, exist_ok=True)
        write_json(work, known)
        table = summary(known, list(ARMS))
        write("arpg_learned", {"images": args.images, "drawn": DRAWN, "level": LEVEL, "cells": table})


if __name__ == "__main__":
    main()
