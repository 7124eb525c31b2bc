"""FastVAR on the shipped digits VAR: pivotal against random tokens, and quality against cost for each cache scale.

python -m benchmarks.studies.fastvar_selection --images 300
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import record
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.var import presets
from rlsuite.generators.var.generator import NextScale

RATIOS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
BATCH = 50


def psnr(a: Tensor, b: Tensor) -> np.ndarray:
    """Of each image (n, C, H, W) in [0, 1]; equal pictures count as 60 dB."""
    error = (a - b).square().mean((1, 2, 3)).double().clamp_min(1e-6)
    return (-10 * error.log10()).numpy()


def schedule(generator: NextScale, ratio: float, only: int | None = None) -> list[float]:
    """``ratio`` at the scales after the cache scale, or at one of them only."""
    prunable = range(generator.cache_scale + 1, generator.n_scales)
    return [ratio if i in prunable and only in (None, i) else 0.0 for i in range(generator.n_scales)]


def run(generator: NextScale, n: int, ratios: list[float]) -> tuple[Tensor, float, float]:
    """Images, share of FLOPs saved, and CPU milliseconds an image (sampling only)."""
    labels, seeds, parts, saved, spent = torch.arange(n) % 10, range(n), [], [], 0.0
    for i in range(0, n, BATCH):
        start = time.process_time()
        state = generator.generate(labels[i : i + BATCH], list(seeds[i : i + BATCH]), 1.5, ratios)
        spent += time.process_time() - start
        parts.append(generator.decode(state))
        saved.append(generator.flops_saved(state).sum(1))
    return torch.cat(parts), float(torch.cat(saved).mean()), 1000 * spent / n


def interval(x: np.ndarray, resamples: int = 10_000) -> list[float]:
    """95 % percentile bootstrap interval of the mean."""
    index = np.random.default_rng(0).integers(len(x), size=(resamples, len(x)))
    return [float(v) for v in np.percentile(x[index].mean(1), [2.5, 97.5])]


def selection(n: int) -> dict[str, Any]:
    """Pivotal minus random, same seeds, for the default cache scale."""
    pivotal, random = presets.load_var(), presets.load_var(selection="random")
    golden, _, _ = run(pivotal, n, schedule(pivotal, 0.0))
    out = {}
    for ratio in RATIOS[1:-1]:
        a, b = (psnr(run(g, n, schedule(g, ratio))[0], golden) for g in (pivotal, random))
        out[str(ratio)] = {
            "pivotal_db": float(a.mean()),
            "random_db": float(b.mean()),
            "difference_db": float((a - b).mean()),
            "interval_95": interval(a - b),
        }
    return out


def curve(cache_side: int, n: int) -> dict[str, Any]:
    """PSNR to the unpruned picture, FLOPs saved and time at each ratio; also pruning one scale alone."""
    generator, judge, out = presets.load_var(cache_side=cache_side), digit_classifier(), {}
    golden, _, _ = run(generator, n, schedule(generator, 0.0))
    places = [None, *range(generator.cache_scale + 1, generator.n_scales)]
    for only in places:
        name = "all" if only is None else f"side {generator.sides[only]} only"
        for ratio in RATIOS:
            images, saved, ms = run(generator, n, schedule(generator, ratio, only))
            said = judge(images * 2 - 1).argmax(1)
            quality = psnr(images, golden)
            out.setdefault(name, {})[str(ratio)] = {
                "psnr_db": float(quality.mean()),
                "psnr_std_db": float(quality.std()),
                "psnr_quartiles_db": [float(v) for v in np.percentile(quality, [5, 25, 50, 75, 95])],
                "flops_saved": saved,
                "cpu_ms_per_image": ms,
                "recognised": float((said == torch.arange(n) % 10).float().mean()),
            }
    return out


def main(n: int) -> None:
    torch.set_num_threads(1)
    run(presets.load_var(), BATCH, [0.0] * 6)  # warm-up
    flops = presets.load_var().full_flops
    curves = {f"cache side {side}": curve(side, n) for side in (2, 3, 4)}
    record.write(
        "fastvar_selection",
        {
            "n": n,
            "seeds": [0, n - 1],
            "batch": BATCH,
            "flops_share_per_scale": (flops / flops.sum()).tolist(),
            "selection_cache_side_4": selection(n),
            "curves": curves,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    main(parser.parse_args().images)
