"""Env steps per second of a whole ES population at once against one member after the other: CartPole, 64x64 net, one thread.

Together is what `EvolutionStrategy.evaluate` does; one by one is a torch network and Gymnasium's own CartPole-v1, to which
our level 0 is equal bit for bit, with nothing else in the loop. They take turns on the same members; only steps that count for a member's return are counted
(envs whose episode is over idle until the last one ends, and their steps are not). Two kinds of population: the first
one, where all wait for the few that happen to balance, and one after learning, whose members mostly balance to the end.
At least 10 times is asked for, and held against the second; the first has no parallelism to give. Results go to results/es_population.json.

    python -m benchmarks.speed.es_population --population 258 --repeats 7
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from typing import Any

import gymnasium as gym
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from benchmarks.record import write
from rlsuite.algos.es import ES
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

LIMIT = 10.0


def together(agent: ES, members: torch.Tensor) -> tuple[int, float]:
    """Return the counted steps and the seconds of evaluating all members at once."""
    before, start = agent.num_timesteps, time.perf_counter()
    agent.evaluate(members)
    return agent.num_timesteps - before, time.perf_counter() - start


@torch.inference_mode()
def one_by_one(agent: ES, env: gym.Env, net: nn.Module, members: torch.Tensor) -> tuple[int, float]:
    """Return the steps and the seconds of one episode of each member, one after the other."""
    steps, start = 0, time.perf_counter()
    for member in members:
        vector_to_parameters(member, net.parameters())
        observation, done = env.reset()[0], False
        while not done:
            prepared = agent.policy.normalizer(torch.from_numpy(observation))
            observation, _, terminated, truncated, _ = env.step(int(net(prepared).argmax()))
            done, steps = terminated or truncated, steps + 1
    return steps, time.perf_counter() - start


def measure(agent: ES, centre: torch.Tensor, repeats: int, few: int) -> dict[str, Any]:
    """Return the medians of both ways' speeds and of their paired ratio."""
    net, env = copy.deepcopy(agent.policy.net), gym.make("CartPole-v1")
    speeds: list[tuple[float, float]] = []
    for _ in range(repeats):
        noise = torch.randn(agent.population // 2, len(centre))
        members = centre + agent.sigma * torch.cat([noise, -noise])
        fast = together(agent, members)
        slow = one_by_one(agent, env, net, members[torch.randperm(len(members))[:few]])
        speeds.append((fast[0] / fast[1], slow[0] / slow[1]))
    return {
        "steps_per_s_together": round(statistics.median(a for a, _ in speeds)),
        "steps_per_s_one_by_one": round(statistics.median(b for _, b in speeds)),
        "ratio": round(statistics.median(a / b for a, b in speeds), 1),
        "ratios": [round(a / b, 1) for a, b in speeds],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--population", type=int, default=258)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--few", type=int, default=24, help="members that the slow way evaluates in its turn")
    args = parser.parse_args()
    torch.set_num_threads(1)
    task = CartPole(reward=EnvReward())
    agent = ES(task=task, technique=Baseline(), seed=0, population=args.population, net_arch=[64, 64])
    agent._setup_learn(1)
    first = parameters_to_vector(agent.policy.net.parameters()).detach()
    found = {"first population": measure(agent, first, args.repeats, args.few)}
    learner = ES(task=task, technique=Baseline(), seed=0, net_arch=[64, 64])
    learner.learn(50_000)
    agent.policy.load_state_dict(learner.policy.state_dict())
    learnt = parameters_to_vector(learner.policy.net.parameters()).detach()
    found["after 50,000 steps"] = measure(agent, learnt, args.repeats, max(args.few // 8, 1))
    held = found["after 50,000 steps"]["ratio"] >= LIMIT
    write(
        "es_population", {"population": args.population, "limit": LIMIT, "held": held, "populations": found}
    )
    sys.exit(not held)


if __name__ == "__main__":
    main()
