"""The learned policy of env=var against its reference policies: random, prune-all, best constant, fixed FastVAR; over seeds.

Trains `python -m rlsuite.train env=var algo=ppo seed=...` for each seed (finished runs are reused), compares each with the
reference policies on the same held-out images, and pools the paired differences (seeds resampled first, then images).

    python benchmarks/var_learned.py --seeds 3 --episodes 256
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from record import write

from rlsuite.experiment.compare import LEARNED_POLICY, compare_policies, draw_quality, load_run
from rlsuite.metrics import paired_interval

ROOT = Path(__file__).resolve().parents[1]
LEVELS = [0.0, 1.0]


def train(seed: int, folder: Path, extra: list[str]) -> float:
    """Run the training command; return its seconds of wall time over all restarts."""
    start = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "rlsuite.train",
        "env=var",
        "algo=ppo",
        f"seed={seed}",
        f"hydra.run.dir={folder}",
    ]
    subprocess.run([*command, *extra], check=True, cwd=ROOT)
    wall = json.loads((folder / "result.json").read_text())["wall_time_s"]
    return max(wall, time.monotonic() - start)


def pooled(comparisons: list, level: float, name: str) -> dict:
    """Return the mean paired gain over ``name`` with its interval over seeds and images."""
    gains = [
        c.returns(level, LEARNED_POLICY)
        - c.returns(level, c.best_constant(level) if name == "best constant" else name)
        for c in comparisons
    ]
    groups = np.repeat(np.arange(len(gains)), [len(g) for g in gains])
    mean, low, high = paired_interval(np.concatenate(gains), np.random.default_rng(0), groups)
    return {
        "gain": round(mean, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(groups),
        "by_seed": [round(float(g.mean()), 4) for g in gains],
    }


def means(comparisons: list, level: float, name: str) -> dict:
    """Return the mean return and image metrics of one policy over all seeds."""
    picked = [
        c.played[level][c.best_constant(level) if name == "best constant" else name] for c in comparisons
    ]
    keys = ("returns", "psnr", "flops_saved", "recognised")
    return {key: round(float(np.mean([np.mean(p[key]) for p in picked])), 4) for key in keys}


def draw_images(task, agent, path: Path, n: int = 12) -> None:
    """Draw unpruned and pruned images side by side: digits of the classes learnt on, then of unseen ones."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(n * 0.8 + 1, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    for part, level in zip(figure.subfigures(2, 1), LEVELS, strict=True):
        images, env = task.watch(agent, n, level=level, seed=10**6)
        names = {0.0: "level 0: classes 0-6, guidance 1.5", 1.0: "level 1: unseen classes 7-9, guidance 4"}
        part.suptitle(names[level], fontsize=10)
        axes = part.subplots(2, n)
        for i in range(n):
            saved, quality = env.history[i, :, 2].sum(), env.history[i, -1, 1]
            for row, title in ((0, ""), (1, f"{quality:.1f} dB\n-{saved:.0%} FLOPs")):
                axes[row, i].imshow(images[i, -1, row, 0], cmap="gray", vmin=0, vmax=1)
                axes[row, i].set(xticks=[], yticks=[])
                axes[row, i].set_title(title, fontsize=7)
        axes[0, 0].set_ylabel("unpruned", fontsize=9)
        axes[1, 0].set_ylabel("learned", fontsize=9)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=256)
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "var_learned")
    parser.add_argument("overrides", nargs="*", help="of the training command")
    args = parser.parse_args()
    comparisons, walls = [], []
    for seed in range(args.seeds):
        folder = args.out / f"s{seed}"
        walls.append(round(train(seed, folder, args.overrides), 1))
        cfg, task, agent = load_run(folder)
        comparisons.append(compare_policies(task, agent, LEVELS, args.episodes, 32, cfg.seed))
    names = ("random", "constant 1", "best constant", "fixed FastVAR")
    levels = {
        f"{level:g}": {
            "means": {name: means(comparisons, level, name) for name in (LEARNED_POLICY, *names)},
            "best_constant": [c.best_constant(level) for c in comparisons],
            "learned_minus": {name: pooled(comparisons, level, name) for name in names},
        }
        for level in LEVELS
    }
    write(
        "var_learned",
        {"seeds": args.seeds, "episodes": args.episodes, "train_wall_s": walls, "levels": levels},
    )
    picture = ROOT / "docs" / "results" / "var_quality_flops.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw_quality(comparisons[0], picture)
    draw_images(task, agent, picture.with_name("var_digits.png"))


if __name__ == "__main__":
    main()
