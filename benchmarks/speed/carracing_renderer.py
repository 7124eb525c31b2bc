"""env=carracing's patch renderer against Gymnasium's env: frames a CPU second in turns of one run, and whether both show the same.

Speed: `gymnasium` steps CarRacing-v3, which draws every frame; `stock` is env.renderer=stock, which draws one in frame_skip; `patch`
is env.renderer=patch. The envs play whole episodes, resets included; Gymnasium's own reset is left out, in its favour. The median
of the paired ratios counts. At least 20 is asked for.
Pictures: a hand-made driver takes 6 tracks; the masks of the road in both pictures should agree (intersection over union >= .9),
as should the greys. Results go to results/carracing_renderer.json, the picture to docs/results/carracing_patch.png.

    python -m benchmarks.speed.carracing_renderer --repeats 5
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import gymnasium
import numpy as np
import torch
from PIL import Image

from benchmarks.record import ROOT, write
from rlsuite.envs.carracing.patch import PatchRenderer, shrink
from rlsuite.envs.carracing.physics import Track, follow_road
from rlsuite.envs.carracing.task import CarRacing, controls
from rlsuite.rewards.env import EnvReward

PICTURE = ROOT / "docs" / "results" / "carracing_patch.png"
SEEDS, MOMENTS, ROAD, NEAR = (
    6,
    20,
    102,
    25,
)  # tracks; pictures of each; grey of the road, and how far from it still counts
LIMIT_RATIO, LIMIT_IOU, N_ENVS, SKIP = 20, 0.9, 8, 4


def actions(steps: int, envs: int) -> np.ndarray:
    """Return smooth steering and some gas, (steps, envs, 2): the same for all."""
    phase = np.arange(steps)[:, None] / 12 + np.arange(envs)
    return np.stack([0.4 * np.sin(phase), 0.3 + 0 * phase], axis=2).astype(np.float32)


def gymnasium_rate(frames: int, seed: int) -> float:
    """Frames a CPU second of Gymnasium's env as it is."""
    env = gymnasium.make("CarRacing-v3")
    env.reset(seed=seed)
    given = controls(np.repeat(actions(frames // SKIP, 1)[:, 0], SKIP, axis=0))
    start = time.process_time()
    for action in given:
        env.step(action)
    return frames / (time.process_time() - start)


def envs_rate(renderer: str, envs: int, steps: int, seed: int) -> float:
    """Frames a CPU second of our envs: ``steps`` steps of SKIP frames after a reset that counts."""
    task = CarRacing(reward=EnvReward(), renderer=renderer, patience=None, frame_skip=SKIP)
    env = task.vec_env([0.0], envs, seed)
    given = actions(steps, envs)
    start = time.process_time()
    env.reset()
    for action in given:
        env.step(action)
    return steps * envs * SKIP / (time.process_time() - start)


def speeds(repeats: int) -> dict[str, object]:
    envs_rate("patch", 1, 10, 0)  # tables that are made once
    rounds = [
        {
            "gymnasium": gymnasium_rate(240, i),
            "stock": envs_rate("stock", 1, 100, i),
            "patch": envs_rate("patch", N_ENVS, 250, i),
        }
        for i in range(repeats)
    ]
    ratios = {kind: [turn[kind] / turn["gymnasium"] for turn in rounds] for kind in ("stock", "patch")}
    return {
        "frames_per_cpu_s": {
            kind: round(statistics.median(turn[kind] for turn in rounds)) for kind in rounds[0]
        },
        "ratio": {kind: round(statistics.median(found), 1) for kind, found in ratios.items()},
        "ratios": {kind: [round(ratio, 1) for ratio in found] for kind, found in ratios.items()},
    }


def masks(picture: np.ndarray) -> np.ndarray:
    """Tell which pixels above the indicators are road."""
    return np.abs(picture[: -len(picture) // 8].astype(int) - ROAD) <= NEAR


def compared(seed: int, side: int, shown: list[np.ndarray]) -> dict[str, float]:
    """Drive a track; return IoU of the road's masks over all moments and the mean difference of greys; keep a moment for the picture."""
    track, patches = Track(), PatchRenderer(1, side)
    track.begin(seed, 1.0, 0.0)
    patches.lay(0, track)
    both, either, apart = 0, 0, []
    for moment in range(MOMENTS):
        for _ in range(45):
            track.step(controls(follow_road(track)[None])[0])
        stock, patch = track.picture(), patches.draw(np.array([0]), [track])[0]
        ours, theirs = masks(patch), masks(shrink(stock, side))
        both, either = both + (ours & theirs).sum(), either + (ours | theirs).sum()
        apart.append(np.abs(patch.astype(float) - shrink(stock, side)).mean())
        if moment == 3 + seed and side == 48:
            large = [np.repeat(np.repeat(p, 4, 0), 4, 1) for p in (shrink(stock, side), patch)]
            shown.append(
                np.concatenate([stock.repeat(2, 0).repeat(2, 1), *(p[..., None].repeat(3, 2) for p in large)])
            )
    return {"iou": round(float(both / either), 4), "grey_difference": round(float(np.mean(apart)), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    shown: list[np.ndarray] = []
    pictures = {side: [compared(seed, side, shown) for seed in range(SEEDS)] for side in (48, 96)}
    Image.fromarray(np.concatenate(shown, axis=1)).save(PICTURE, optimize=True)
    found = speeds(args.repeats)
    lowest = min(entry["iou"] for entries in pictures.values() for entry in entries)
    held = found["ratio"]["patch"] >= LIMIT_RATIO and lowest >= LIMIT_IOU  # type: ignore[index]
    write(
        "carracing_renderer",
        {
            "envs": N_ENVS,
            "frame_skip": SKIP,
            "limit_ratio": LIMIT_RATIO,
            "limit_iou": LIMIT_IOU,
            "held": bool(held),
            "lowest_iou": lowest,
            **found,
            "pictures": {f"{side}x{side}": entries for side, entries in pictures.items()},
        },
    )
    sys.exit(not held)


if __name__ == "__main__":
    main()
