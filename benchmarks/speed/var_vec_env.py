"""Batched envs against single envs one after the other, on the digits generator: episodes a second, N = 32, one thread.

Both play the same random ratios with warm reference images, in turn; medians and their ratio go to results/var_lanes.json,
with a profile of where a batched step spends its time.

    python -m benchmarks.speed.var_vec_env --repeats 5
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.envs.common.vec_env import SingleEnv

N = 32


def play_envs(env, ratios: np.ndarray) -> float:
    """Play one episode in every env; return its seconds."""
    start = time.perf_counter()
    env.reset()
    for row in ratios:
        env.step_async(row)
        env._advance(row)  # without the automatic restart, which the single envs do not have either
        env._observe()
    return time.perf_counter() - start


def play_singles(envs: list[SingleEnv], ratios: np.ndarray) -> float:
    """Play one episode of every single env, one after the other; return the seconds of all."""
    start = time.perf_counter()
    for i, env in enumerate(envs):
        env.reset()
        for row in ratios:
            env.step(row[i])
    return time.perf_counter() - start


def profile(env, ratios: np.ndarray) -> list[dict]:
    """Return the ten functions of ours in which a batched episode spends most time (cumulative share)."""
    profiler = cProfile.Profile()
    profiler.runcall(play_envs, env, ratios)
    stats = pstats.Stats(profiler)
    ours = [(k, v) for k, v in stats.stats.items() if "rlsuite" in k[0]]
    top = sorted(ours, key=lambda item: -item[1][3])[:12]
    return [
        {"function": f"{k[0].split('rlsuite/')[-1]}:{k[2]}", "share": round(v[3] / stats.total_tt, 3)}
        for k, v in top
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cfg = compose(["env=var", "env.pool=32"])
    task = build(cfg.env, reward=build(cfg.reward))
    envs = task.vec_env([0.0], N, seed=0)
    singles = [SingleEnv(task.vec_env([0.0], 1, seed=0)) for _ in range(N)]
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {"envs": [], "singles": []}
    for repeat in range(args.repeats + 1):
        ratios = rng.random((task.n_decisions, N, 1)).astype(np.float32)
        took = {"envs": play_envs(envs, ratios), "singles": play_singles(singles, ratios)}
        for name in times if repeat else ():  # the first round makes the reference images
            times[name].append(took[name])
    medians = {name: statistics.median(values) for name, values in times.items()}
    write(
        "var_lanes",
        {
            "n": N,
            "repeats": args.repeats,
            "limit": 2.0,
            "aim": 2.9,
            "ratio": round(medians["singles"] / medians["envs"], 2),
            "episodes_per_s": {name: round(N / value, 1) for name, value in medians.items()},
            "profile_of_envs": profile(envs, ratios),
        },
    )


if __name__ == "__main__":
    main()
