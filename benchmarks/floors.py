"""Returns of policies that have learnt nothing, at every level: random play and each constant action.

The better of them is the floor that an env's `score_range` declares. Numbers go to results/floors_<env>.json.

    python benchmarks/floors.py cartpole --episodes 2000
    python benchmarks/floors.py cartpole env.shift=wide
"""

from __future__ import annotations

import argparse

import numpy as np
from record import write

from rlsuite.algos.random import Random
from rlsuite.algos.reference.policy import Schedule
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.experiment.rollouts import play
from rlsuite.techniques.baseline import Baseline

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--episodes", type=int, default=2000)
    args = parser.parse_args()
    cfg = compose([f"env={args.env}", *args.overrides])
    task = build(cfg.env, reward=build(cfg.reward))
    shared = {"task": task, "technique": Baseline(), "seed": 0}
    policies = {"random": Random(**shared)}
    policies |= {
        f"always {a}": Schedule(**shared, actions=[a]) for a in range(policies["random"].action_space.n)
    }
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in policies}
    for level in LEVELS:
        env = task.evaluation_task().vec_env([level], 50, 0)
        for name, policy in policies.items():
            env.seed(0)
            returns = play(policy, env, args.episodes, deterministic=False, seed=0)["returns"]
            error = np.std(returns) / np.sqrt(len(returns))
            found[name][f"{level:g}"] = {
                "mean": round(float(np.mean(returns)), 2),
                "standard_error": round(float(error), 2),
            }
        env.close()
    floors = {level: max(policy[level]["mean"] for policy in found.values()) for level in found["random"]}
    name = "_".join([args.env, *(setting.rpartition("=")[2] for setting in args.overrides)])
    write(f"floors_{name}", {"episodes": args.episodes, "floors": floors, "policies": found})


if __name__ == "__main__":
    main()
