"""Training throughput against stock Stable-Baselines3: same hyperparameters, bit-identical path, CartPole, one thread.

Ours and theirs (DummyVecEnv of Gymnasium's CartPole-v1 with Monitor) take turns; the median of the paired ratios of process
CPU time counts, which other load on the machine disturbs least. The parameters are compared at the end: both computed the same.
At least 1.1 is asked for on CartPole. Results go to results/throughput.json.

    python benchmarks/throughput.py --repeats 5
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import stable_baselines3 as sb3
import torch
from record import write
from stable_baselines3.common.env_util import make_vec_env

from rlsuite.algos.a2c import A2C
from rlsuite.algos.dqn import DQN
from rlsuite.algos.ppo import PPO
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

LIMIT = 1.1
CASES: dict[str, tuple[Any, Any, int, dict[str, Any], int]] = {
    "ppo": (PPO, sb3.PPO, 8, {"n_steps": 256, "batch_size": 64, "n_epochs": 10}, 4_096),
    "a2c": (A2C, sb3.A2C, 8, {}, 6_000),
    "dqn": (DQN, sb3.DQN, 4, {"learning_starts": 500, "buffer_size": 10_000, "exploration_fraction": 0.7}, 6_000),
}  # fmt: skip


def timed(agent: Any, steps: int) -> float:
    """Return the CPU seconds of learning."""
    start = time.process_time()
    agent.learn(steps)
    return time.process_time() - start


def turn(case: str) -> tuple[float, float, bool]:
    """Return CPU seconds of ours and of theirs, and whether both ended with the same parameters."""
    ours_class, theirs_class, lanes, arguments, steps = CASES[case]
    ours = ours_class(
        task=CartPole(reward=EnvReward()), technique=Baseline(), seed=0, n_envs=lanes, **arguments
    )
    own = timed(ours, steps)  # before theirs is built: both then learn from the same random streams
    env = make_vec_env("CartPole-v1", n_envs=lanes, seed=0)
    theirs = theirs_class("MlpPolicy", env, seed=0, device="cpu", **arguments)
    other, state = timed(theirs, steps), ours.policy.state_dict()
    return (
        own,
        other,
        all(torch.equal(value, state[name]) for name, value in theirs.policy.state_dict().items()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--algos", nargs="+", choices=tuple(CASES), default=list(CASES))
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for case in args.algos:
        turns = [turn(case) for _ in range(args.repeats)]
        ratios = [theirs / ours for ours, theirs, _ in turns]
        found[case] = {
            "lanes": CASES[case][2],
            "steps": CASES[case][4],
            "steps_per_cpu_s": round(CASES[case][4] / statistics.median(ours for ours, _, _ in turns)),
            "steps_per_cpu_s_sb3": round(
                CASES[case][4] / statistics.median(theirs for _, theirs, _ in turns)
            ),
            "ratio": round(statistics.median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "same_parameters": all(same for _, _, same in turns),
        }
    held = all(entry["ratio"] >= LIMIT and entry["same_parameters"] for entry in found.values())
    write("throughput", {"env": "cartpole", "limit": LIMIT, "held": held, "algos": found})
    sys.exit(not held)


if __name__ == "__main__":
    main()
