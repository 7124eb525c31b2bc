"""`algo.fast=true` against stock Stable-Baselines3 with the same hyperparameters: does it learn the same, in how much less time?

CPU seconds of one thread, ours and theirs in turns. CartPole: learning until 20 greedy episodes reach a mean of 475 (looked at every 3,072
steps, looks not counted), the curves' last looks beside it, n seeds. Sprites (positions) and StarPilot (Nature-CNN): steps a second over
a few updates on the same envs, and for sprites the return reached after 100k steps. Asked for: see LIMITS. Results go to results/fast.json.

    python -m benchmarks.speed.fast --seeds 5 [--cases cartpole sprites starpilot]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np
import stable_baselines3 as sb3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks.record import write
from rlsuite.algos.ppo import PPO
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.core.hardware import use_hardware
from rlsuite.envs.cartpole import CartPole
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.metrics import mean_intervals
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline
from tests.helpers.agents import make

LIMITS = {"cartpole": 1.5, "sprites": 1.5, "starpilot": 1.3}
CARTPOLE = {"n_steps": 64, "batch_size": 128, "n_epochs": 10}  # conf/tuned/cartpole_ppo.yaml, 12 envs
RATE, STEPS, EVERY, GOOD = 1e-3, 50_000, 3_072, 475.0
LONG = {"sprites": 102_400, "starpilot": 3_840}  # steps of a turn
N_ENVS = {
    "sprites": {
        "n_envs": 128,
        "n_steps": 40,
        "batch_size": 512,
        "n_epochs": 10,
        "gamma": 0.0,
        "learning_rate": 1e-3,
    },
    "starpilot": {"n_envs": 30, "n_steps": 64, "batch_size": 480, "n_epochs": 3},
}


class Watch(BaseCallback):
    """Looks at a CartPole policy now and then; its own time is not counted."""

    def __init__(self, every: int = EVERY) -> None:
        super().__init__()
        self.every = every
        self.looks: list[tuple[int, float, float]] = []  # steps, CPU seconds of learning, greedy mean
        self.out = 0.0

    def _on_training_start(self) -> None:
        self.begun = time.process_time()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps // self.every > len(self.looks):
            now = time.process_time()
            env = CartPole(reward=EnvReward()).vec_env([0.0], 20, 77)
            mean = float(np.mean(play_episodes(self.model, env, 20, deterministic=True, seed=77)["returns"]))
            self.looks.append((self.num_timesteps, now - self.begun - self.out, mean))
            self.out += time.process_time() - now


def watched(agent: Any, every: int = EVERY) -> dict[str, float]:
    """Learn CartPole to the end; say when it was good, and how good it ended."""
    watch = Watch(every)
    agent.learn(STEPS, callback=watch)
    steps, seconds, _ = next((look for look in watch.looks if look[2] >= GOOD), watch.looks[-1])
    return {
        "steps_to_475": steps,
        "cpu_s_to_475": round(seconds, 2),
        "reached": max(m for *_, m in watch.looks) >= GOOD,
        "last": watch.looks[-1][2],
        "cpu_s": round(watch.looks[-1][1], 2),
    }


def cartpole(seed: int) -> tuple[dict, dict]:
    """Ours and theirs on the same env, each with its own random start."""
    ours = make(
        PPO,
        task=CartPole(reward=EnvReward()),
        technique=Baseline(),
        seed=seed,
        n_envs=12,
        learning_rate=RATE,
        lr_schedule="linear",
        fast=True,
        **CARTPOLE,
    )
    mine = watched(ours)
    env = make_vec_env("CartPole-v1", n_envs=12, seed=seed)
    theirs = sb3.PPO(
        "MlpPolicy", env, seed=seed, device="cpu", learning_rate=lambda left: RATE * left, **CARTPOLE
    )
    return mine, watched(theirs)


def timed(agent: Any, steps: int) -> dict[str, float]:
    """Steps a CPU second, and the mean return of the last training episodes."""
    start = time.process_time()
    agent.learn(steps)
    seconds = time.process_time() - start
    returns = [episode["r"] for episode in agent.ep_info_buffer]
    return {
        "steps_per_cpu_s": round(steps / seconds),
        "return": round(float(np.mean(returns)), 2) if returns else 0.0,
    }


def envs(name: str, seed: int) -> tuple[dict, dict]:
    """Ours and theirs on the same kind of envs."""
    cfg = compose([f"env={name}", "reward=env"])
    task, settings = build(cfg.env, reward=build(cfg.reward)), dict(N_ENVS[name])
    n_envs = settings.pop("n_envs")
    network = {"network": "nature"} if name == "starpilot" else {}
    ours = make(
        PPO, task=task, technique=Baseline(), seed=seed, n_envs=n_envs, fast=True, **network, **settings
    )
    mine = timed(ours, LONG[name])
    env = VecMonitor(task.vec_env([0.0], n_envs, seed))
    policy = ("CnnPolicy", {"features_extractor_kwargs": {"features_dim": 256}, "net_arch": []})
    kind, arguments = policy if name == "starpilot" else ("MlpPolicy", None)
    theirs = sb3.PPO(kind, env, seed=seed, device="cpu", policy_kwargs=arguments, **settings)
    return mine, timed(theirs, LONG[name])


def summed_up(case: str, turns: list[tuple[dict, dict]]) -> dict[str, Any]:
    """Medians of the paired ratios, and each side's means with 95 % intervals over seeds."""
    key, up = ("cpu_s_to_475", False) if case == "cartpole" else ("steps_per_cpu_s", True)
    ratios = [mine[key] / their[key] if up else their[key] / mine[key] for mine, their in turns]
    shown: dict[str, Any] = {
        "n": len(turns),
        "limit": LIMITS[case],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(r, 3) for r in ratios],
    }
    if case == "cartpole":
        shown["ratio_of_all_steps"] = round(
            statistics.median(their["cpu_s"] / mine["cpu_s"] for mine, their in turns), 3
        )
    for side, rows in zip(("fast", "sb3"), zip(*turns, strict=True), strict=True):
        for name in rows[0]:
            found = mean_intervals(np.array([[float(row[name])] for row in rows]), np.random.default_rng(0))[
                :, 0
            ]
            shown[f"{side} {name}"] = [round(float(v), 2) for v in found]
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=tuple(LIMITS), default=list(LIMITS))
    args = parser.parse_args()
    use_hardware(1)
    found = {}
    for case in args.cases:
        turns = [cartpole(s) if case == "cartpole" else envs(case, s) for s in (0, *range(args.seeds))]
        found[case] = summed_up(case, turns[1:])  # the first warms up
    held = all(entry["ratio"] >= entry["limit"] for entry in found.values())
    write("fast", {"held": held, "cases": found})
    sys.exit(not held)


if __name__ == "__main__":
    main()
