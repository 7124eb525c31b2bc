"""What each reward of env=arpg makes a policy do: the seed's weighted sum against the gated product.

Both see the same parts (CLIP score, image quality, efficiency), fewer steps than five counting still more. A reward is hacked where it
rises while the pictures get worse. First, without any learning, what each pays for cosine's schedules of one to eight steps. Then what
policies make of it that begin as cosine with eight steps, or with three and counts drawn so widely that one step is tried too: the
reward of drawn episodes before and after training, and accuracy, Inception-style score, Fréchet distance, steps and CLIP score of the
greedy policy.

    python -m benchmarks.studies.arpg_reward_ablation --seeds 2 --images 2000
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.record import write
from benchmarks.studies.arpg_baselines import Judge, learned, play
from benchmarks.studies.arpg_learned import LEVEL, drawn_rewards, train
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.io import write_json

SHARED = ["reward.beyond_target=true", "reward.target_steps=5"]
REWARDS = {
    "weighted sum": ["reward=weighted_image", *SHARED],
    "gated product": ["reward=gated_image", "reward.lo=0.5", *SHARED],
}
STARTS = {
    "from 8 steps": [],
    "from 3 steps, drawn widely": ["env.hand_steps=3", "env.hand_spread=1", "env.max_parallel=64"],
}
ARMS = {
    f"{reward}, {start}": [*overrides, *more]
    for start, more in STARTS.items()
    for reward, overrides in REWARDS.items()
}


def paid(n: int) -> dict[str, dict[str, float]]:
    """Return what each reward pays on average for cosine's schedules, and what share of the images is recognised."""
    table: dict[str, dict[str, float]] = {}
    for reward, overrides in REWARDS.items():
        cfg = compose(["env=arpg", "env.max_parallel=64", "env.lookahead=false", *overrides])
        task = build(cfg.env, reward=build(cfg.reward))
        for steps in (1, 2, 3, 4, 5, 6, 8):
            env = task.vec_env([LEVEL], n, 1)
            env.reset()
            for count in task.hand_counts("cosine", steps):
                _, rewards, _, infos = env.step(np.full(n, count - 1))
            found = table.setdefault(str(steps), {})
            found["recognised"] = round(float(np.mean([i["metrics"]["recognised"] for i in infos])), 3)
            found[reward] = round(float(rewards.mean()), 3)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("outputs/arpg_reward_ablation"))
    parser.add_argument("overrides", nargs="*", help="of the training command")
    args = parser.parse_args()
    torch.set_num_threads(1)
    judge, work = Judge(), args.out / "cells.json"
    known: dict[str, dict[str, Any]] = json.loads(work.read_text()) if work.exists() else {}
    pays = paid(1000)
    for seed in range(args.seeds):
        for number, (arm, overrides) in enumerate(ARMS.items()):
            name = f"{arm}, seed {seed}"
            if known.get(name, {}).get("n") != args.images:
                folder = args.out / f"{number}-s{seed}"
                cpu = train(folder, seed, [*overrides, *args.overrides])
                task, policy = learned(folder)
                cell = judge.cell(lambda n, a=(task, policy): play(*a, LEVEL, n, seed=1), args.images)
                known[name] = {**cell, **drawn_rewards(folder), "train_cpu_s": cpu}
                write_json(work, known)
            write(
                "arpg_reward_ablation",
                {"images": args.images, "paid": pays, "arms": means(known), "by_seed": known},
            )


def means(known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of each arm, with the smallest and largest."""
    keys = (
        "returns_before",
        "returns_after",
        "steps",
        "accuracy",
        "inception",
        "frechet",
        "clip_score_before",
        "clip_score_after",
    )
    table = {}
    for arm in ARMS:
        cells = [cell for name, cell in known.items() if name.startswith(f"{arm}, seed")]
        values = {key: [cell[key] for cell in cells] for key in keys}
        table[arm] = {"seeds": len(cells)} | {
            key: [round(float(f(v)), 4) for f in (np.mean, np.min, np.max)] for key, v in values.items() if v
        }
    return table


if __name__ == "__main__":
    main()
