"""How much room there is under `reward=gated`: every fixed schedule of the six categories on 6x6 and 8x8, n images.

Reports the best constant, the best static schedule, and the oracle that chooses for each image after seeing the outcome,
all chosen on the images they are judged on. Earlier scales run whole.

    python -m benchmarks.studies.var_static --images 256
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.envs.var.actions import CATEGORIES
from rlsuite.envs.var.vec_env import VARLevel
from rlsuite.metrics import psnr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=256)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cfg = compose(["env=var"])
    reward = build(cfg.reward)
    generator, rng = build(cfg.env.generator), np.random.default_rng(0)
    labels, seeds = rng.integers(0, 7, args.images), rng.integers(2**31, size=args.images)
    first = generator.cache_scale + 1

    def images(ratios: tuple[float, ...]) -> tuple[np.ndarray, float]:
        state = generator.generate(labels, seeds, VARLevel.at(0.0).cfg, [0.0] * first + list(ratios))
        return generator.decode(state).numpy(), float(generator.flops_saved(state).sum(dim=1)[0])

    golden, _ = images((0.0,) * (generator.n_scales - first))
    returns, rows = {}, []
    for ratios in product(CATEGORIES, repeat=generator.n_scales - first):
        made, saved = images(ratios)
        decibels = psnr(made, golden)
        returns[ratios] = reward.quality(decibels) * saved
        rows.append(
            {
                "ratios": ratios,
                "psnr": round(float(decibels.mean()), 2),
                "flops_saved": round(saved, 3),
                "return": round(float(returns[ratios].mean()), 4),
            }
        )
    constants = [row for row in rows if len(set(row["ratios"])) == 1]
    oracle = float(np.max(list(returns.values()), axis=0).mean())
    write(
        "var_static",
        {
            "images": args.images,
            "level": 0.0,
            "lo": reward.lo,
            "hi": reward.hi,
            "best_constant": max(constants, key=lambda row: row["return"]),
            "best_static": max(rows, key=lambda row: row["return"]),
            "oracle_per_image": round(oracle, 4),
            "schedules": rows,
        },
    )


if __name__ == "__main__":
    main()
