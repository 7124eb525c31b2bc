"""How fast StarPilot steps through our vector env, as a share of Procgen's bare vector env, alternating in one run.

A plain process returns freed memory to the system, and pays for it anew; --keep-memory measures what `python -m rlsuite.train` does
(see `rlsuite.core.hardware`), and goes to results/procgen_stepping_kept.json.

Usage: python -m benchmarks.speed.procgen_stepping [--keep-memory]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.core.hardware import use_hardware
from rlsuite.envs.procgen.vec_env import ACTIONS, native
from rlsuite.envs.starpilot import StarPilot
from rlsuite.rewards.env import EnvReward

N_ENVS, STEPS, ROUNDS = 64, 150, 15


def bare() -> Callable[[np.ndarray], object]:
    """Return a step of Procgen alone: act, observe."""
    env = native("starpilot", N_ENVS, 200, "easy", 1)
    return lambda actions: (env.act(actions), env.observe())


def ours(frame_stack: int) -> Callable[[np.ndarray], object]:
    """Return a step of our vector env."""
    env = StarPilot(reward=EnvReward(), frame_stack=frame_stack).vec_env([0.0], N_ENVS, 1)
    env.reset()
    return env.step


def cpu_seconds(step: Callable[[np.ndarray], object], actions: np.ndarray) -> float:
    """Return the CPU time of one step for each row of ``actions``: other programs take turns, so no wall time."""
    start = time.process_time()
    for row in actions:
        step(row)
    return time.process_time() - start


def main() -> None:
    """Step all three in turn; the ratios are those of each round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep-memory", action="store_true")
    args = parser.parse_args()
    # one thread: Procgen then steps in this one too
    use_hardware(1) if args.keep_memory else torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    steppers = {"bare": bare(), "stack_4": ours(4), "no_stack": ours(1)}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(ROUNDS + 1):
        actions = rng.integers(ACTIONS, size=(STEPS, N_ENVS)).astype(np.int32)
        for name, step in steppers.items():
            times[name].append(cpu_seconds(step, actions))
    found = {name: np.array(values[1:]) for name, values in times.items()}  # the first round warms up
    result: dict[str, object] = {
        "envs": N_ENVS,
        "steps": STEPS,
        "rounds": ROUNDS,
        "clock": "CPU time, one thread",
    }
    for name, values in found.items():
        ratios = found["bare"] / values
        low, high = np.percentile(ratios, [10, 90])
        result[name] = {
            "steps_per_s": round(N_ENVS * STEPS / float(np.median(values))),
            "share_of_bare": {
                "median": round(float(np.median(ratios)), 3),
                "p10": round(float(low), 3),
                "p90": round(float(high), 3),
            },
        }
    write("procgen_stepping" + ("_kept" if args.keep_memory else ""), result)


if __name__ == "__main__":
    main()
