"""What batching and the caches give to the digits ARPG: images a second, one thread, all in the same run, in turn.

Group rollouts of env=arpg in one vector env against single envs one after the other (8 steps, 64 images), and the generator
with its key-value caches against computing everything known anew (16 steps, batch 64). Medians go to results/arpg_speed.json.

    python -m benchmarks.speed.arpg_speed --repeats 5
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.generators.arpg import presets
from rlsuite.generators.arpg.schedules import schedule

N = 64


def seconds(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def rollouts(lookahead: bool) -> dict[str, Callable[[], None]]:
    """An episode of each of N envs, batched and one at a time."""
    cfg = compose(["env=arpg", "reward=env", f"env.lookahead={str(lookahead).lower()}"])
    task = build(cfg.env, reward=build(cfg.reward))
    counts = task.hand_counts("cosine", 8)
    envs, single = task.vec_env([0.0], N, seed=0), SingleEnv(task.vec_env([0.0], 1, seed=0))

    def batched() -> None:
        envs.reset()
        for count in counts:
            envs._advance(
                np.full(N, count - 1)
            )  # without the automatic restart, which the single env does not have either
            envs._observe()

    def one_at_a_time() -> None:
        for _ in range(N):
            single.reset()
            for count in counts:
                single.step(count - 1)

    return {"batched": batched, "one at a time": one_at_a_time}


def generators() -> dict[str, Callable[[], None]]:
    """N images in 16 steps with and without the caches."""
    counts = schedule("uniform", 64, 16)
    made = {
        name: presets.load_arpg(kv_cache=cache) for name, cache in (("cached", True), ("not cached", False))
    }
    return {
        name: lambda g=g: g.generate(torch.arange(N) % 10, range(N), 2.5, counts) for name, g in made.items()
    }


def compare(acts: dict[str, Callable[[], None]], repeats: int, limit: float) -> dict:
    """Images a second of both, in turn, and the median of their ratios."""
    times: dict[str, list[float]] = {name: [] for name in acts}
    for repeat in range(repeats + 1):
        for name, act in acts.items():
            took = seconds(act)
            if repeat:  # the first round warms up
                times[name].append(took)
    fast, slow = times.values()
    return {
        "images_per_s": {name: round(N / statistics.median(values), 1) for name, values in times.items()},
        "ratio": round(statistics.median(b / a for a, b in zip(fast, slow, strict=True)), 2),
        "limit": limit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    write(
        "arpg_speed",
        {
            "n": N,
            "repeats": args.repeats,
            "group_rollouts_8_steps": compare(rollouts(lookahead=True), args.repeats, 2.0),
            "group_rollouts_8_steps_without_lookahead": compare(rollouts(lookahead=False), args.repeats, 2.0),
            "kv_cache_16_steps": compare(generators(), args.repeats, 2.0),
        },
    )


if __name__ == "__main__":
    main()
