"""Learning curves on CartPole beside rl-baselines3-zoo's hyperparameters: steps and CPU seconds to 475, five seeds.

Theirs is stock Stable-Baselines3 on Gymnasium's env with the settings of hyperparams/ppo.yml and dqn.yml of
https://github.com/DLR-RM/rl-baselines3-zoo, ours `env=cartpole algo=ppo|dqn` with those of conf/tuned, both for 50,000 steps on one thread, in turns.
Every 1,000 steps 20 greedy episodes are played, whose time is not counted. Results go to results/zoo.json.

    python benchmarks/zoo.py --seeds 5
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import stable_baselines3 as sb3
from fast import STEPS, watched
from record import write
from stable_baselines3.common.env_util import make_vec_env

from rlsuite.config.settings import compose_settings
from rlsuite.core.hardware import use_hardware
from rlsuite.experiment.run import build_pair
from rlsuite.metrics import mean_intervals

EVERY = 1_000
ZOO: dict[
    str, tuple[Any, int, float, dict[str, Any]]
] = {  # class, envs, the budget its schedules are made for, settings
    "ppo": (
        sb3.PPO,
        8,
        1e5,
        {
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "learning_rate": lambda left: 1e-3 * left,
            "clip_range": lambda left: 0.2 * left,
        },
    ),
    "dqn": (
        sb3.DQN,
        1,
        5e4,
        {
            "learning_rate": 2.3e-3,
            "batch_size": 64,
            "buffer_size": 100_000,
            "learning_starts": 1_000,
            "gamma": 0.99,
            "target_update_interval": 10,
            "train_freq": 256,
            "gradient_steps": 128,
            "exploration_fraction": 0.16,
            "exploration_final_eps": 0.04,
            "policy_kwargs": {"net_arch": [256, 256]},
        },
    ),
}


def theirs(algo: str, seed: int) -> dict[str, float]:
    """Stock Stable-Baselines3 with the zoo's settings, whose schedules run over the zoo's own budget."""
    kind, envs, budget, settings = ZOO[algo]
    agent = kind(
        "MlpPolicy", make_vec_env("CartPole-v1", n_envs=envs, seed=seed), seed=seed, device="cpu", **settings
    )
    agent._update_current_progress_remaining = lambda steps, total: setattr(
        agent, "_current_progress_remaining", 1 - steps / budget
    )
    return watched(agent, EVERY)


def ours(algo: str, seed: int) -> dict[str, float]:
    """The suite's agent with the settings of conf/tuned."""
    _, agent = build_pair(
        compose_settings(["env=cartpole", f"algo={algo}", f"seed={seed}", f"total_steps={STEPS}"])
    )
    return watched(agent, EVERY)


def summed_up(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Return means with 95 % bootstrap intervals over seeds, and how many reached 475."""
    told: dict[str, Any] = {"reached": int(sum(row["reached"] for row in rows))}
    for name in ("steps_to_475", "cpu_s_to_475", "last", "cpu_s"):
        values = np.array([[float(row[name])] for row in rows])
        told[name] = [round(float(v), 2) for v in mean_intervals(values, np.random.default_rng(0))[:, 0]]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--algos", nargs="+", choices=tuple(ZOO), default=list(ZOO))
    args = parser.parse_args()
    use_hardware(1)
    found: dict[str, Any] = {}
    for algo in args.algos:
        turns = [(ours(algo, seed), theirs(algo, seed)) for seed in range(args.seeds)]
        mine, zoo = (summed_up(list(side)) for side in zip(*turns, strict=True))
        found[algo] = {
            "seeds": args.seeds,
            "ours": mine,
            "zoo": zoo,
            "ratio_of_steps": round(zoo["steps_to_475"][0] / mine["steps_to_475"][0], 2),
            "ratio_of_cpu": round(zoo["cpu_s_to_475"][0] / mine["cpu_s_to_475"][0], 2),
        }
        write("zoo", {"steps": STEPS, "algos": found})


if __name__ == "__main__":
    main()
