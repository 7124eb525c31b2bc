"""What each reward of env=var wants: mean return of the 11 constant ratios under gated, quality_speed and prune_ratio.

python -m benchmarks.studies.var_rewards --episodes 128
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from benchmarks.record import write
from rlsuite.algos.constant import Constant
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.experiment.rollouts import evaluation_seed, play_episodes
from rlsuite.techniques.baseline import Baseline

REWARDS = {
    "gated": ["reward=gated"],
    "quality_speed, alpha .3": ["reward=quality_speed", "reward.alpha=0.3"],
    "quality_speed, alpha .5": ["reward=quality_speed", "reward.alpha=0.5"],
    "quality_speed, alpha .7": ["reward=quality_speed", "reward.alpha=0.7"],
    "prune_ratio": ["reward=prune_ratio"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=128)
    args = parser.parse_args()
    torch.set_num_threads(1)
    task = build(compose(["env=var"]).env, reward=build(compose(["env=var"]).reward))
    seed, table = evaluation_seed(0), {}
    for name, overrides in REWARDS.items():
        task.reward = build(compose(["env=var", *overrides]).reward)
        env, returns = task.vec_env([0.0], 32, seed), {}
        for ratio in np.arange(11) / 10:
            agent = Constant(task=task, technique=Baseline(), seed=0, value=float(ratio))
            env.seed(seed)
            played = play_episodes(agent, env, args.episodes, deterministic=True, seed=seed)
            returns[f"{ratio:g}"] = round(float(np.mean(played["returns"])), 4)
        table[name] = {"returns": returns, "best_ratio": max(returns, key=lambda key: returns[key])}
    write("var_rewards", {"episodes": args.episodes, "level": 0.0, "rewards": table})


if __name__ == "__main__":
    main()
