"""Steps a CPU second of env=sprites on one core, by number of envs: states and pictures, two distractors, random actions.

python -m benchmarks.speed.sprites_vec_env --seconds 2
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from benchmarks.record import write
from rlsuite.envs.sprites.task import Sprites
from rlsuite.rewards.env import EnvReward

SIZES = (64, 256, 1024, 4096)
LIMITS = {"state": 1_000_000, "image": 100_000}


def rate(observation: str, n: int, seconds: float) -> float:
    """Return the median of five stretches."""
    env = Sprites(reward=EnvReward(), observation=observation, distractors=2).vec_env([0.0], n, seed=0)
    env.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (40, n, 2)).astype(np.float32)
    rates = []
    for _ in range(5):
        start, steps = time.process_time(), 0
        while (
            time.process_time() - start < seconds / 5 or steps % 40
        ):  # whole episodes, whose starts cost most
            env.step(actions[steps % 40])
            steps += 1
        rates.append(steps * n / (time.process_time() - start))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args()
    found = {kind: {n: round(rate(kind, n, args.seconds)) for n in SIZES} for kind in LIMITS}
    best = {kind: max(rates.values()) for kind, rates in found.items()}
    write(
        "sprites_lanes",
        {"seconds_each": args.seconds, "steps_per_cpu_s": found, "best": best, "limits": LIMITS},
    )


if __name__ == "__main__":
    main()
