"""What each reward of env=arpg makes a policy do: the seed's weighted sum against the gated product.

Both see the same parts (CLIP score, image quality, efficiency), fewer steps than five counting still more; both start from cosine
with eight steps. A reward is hacked where it rises while the pictures get worse: measured are its own value on drawn episodes before and
after training, and accuracy, Inception-style score, Fréchet distance, steps and CLIP score of the greedy policy.

    python benchmarks/arpg_reward_ablation.py --seeds 3 --images 2000
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arpg_baselines import Judge, learned, play
from arpg_learned import LEVEL, drawn_rewards, train
from record import write

from rlsuite.files import write_json

SHARED = ["reward.beyond_target=true", "reward.target_steps=5"]
ARMS = {"weighted sum": ["reward=weighted_image", *SHARED], "gated product": ["reward=gated_image", *SHARED]}


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
            write("arpg_reward_ablation", {"images": args.images, "arms": means(known), "by_seed": known})


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
        cells = [cell for name, cell in known.items() if name.startswith(arm)]
        values = {key: [cell[key] for cell in cells] for key in keys}
        table[arm] = {"seeds": len(cells)} | {
            key: [round(float(f(v)), 4) for f in (np.mean, np.min, np.max)] for key, v in values.items() if v
        }
    return table


if __name__ == "__main__":
    main()
