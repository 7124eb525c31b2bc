"""Playing a policy to see how good it is: the same number of episodes for every env, streams of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rlsuite.core.interfaces import Agent, Task
from rlsuite.core.seeding import derive, isolated
from rlsuite.rewards.env import EnvReward


def evaluation_seed(seed: int) -> int:
    """Return the seed of a run's evaluation envs: shared by all agents of that seed, never used in training."""
    return derive(seed, "evaluation")


@contextmanager
def _own_streams(agent: Agent, seed: int) -> Iterator[None]:
    """Seed the global streams and the agent's action space for the body, then put all back."""
    generator = agent.action_space.np_random.bit_generator
    saved = generator.state
    with isolated(seed):
        agent.action_space.seed(seed)
        agent.action_space.np_random  # noqa: B018 - creates the seeded generator now
        try:
            yield
        finally:
            agent.action_space.np_random.bit_generator.state = saved


def play_episodes(
    agent: Agent, env: VecEnv, episodes: int, *, deterministic: bool, seed: int
) -> dict[str, list]:
    """Play ``episodes`` episodes, ceil(episodes / envs) in each env, and return their raw values.

    A fixed number an env: stopping at the first n to finish would favour short episodes.

    Returns:
        Lists of equal length, env by env: ``returns``, ``lengths``, ``success`` where the env says it, and one
        list for each key of ``info["metrics"]`` at an episode's end.
    """
    each = -(-episodes // env.num_envs)
    envs: list[dict[str, list]] = [defaultdict(list) for _ in range(env.num_envs)]
    with _own_streams(agent, seed):
        observations = env.reset()
        totals, lengths = np.zeros(env.num_envs), np.zeros(env.num_envs, dtype=int)
        starts, state = np.ones(env.num_envs, dtype=bool), None
        while any(len(played["returns"]) < each for played in envs):
            actions, state = agent.predict(observations, state, starts, deterministic)
            observations, rewards, starts, infos = env.step(actions)
            totals += rewards
            lengths += 1
            for i in np.flatnonzero(starts):
                if len(envs[i]["returns"]) < each:
                    _note(envs[i], totals[i], lengths[i], infos[i])
            totals[starts], lengths[starts] = 0, 0
    return {key: [v for played in envs for v in played[key]] for key in envs[0]}


def _note(env: dict[str, list], total: float, length: int, info: Mapping[str, Any]) -> None:
    env["returns"].append(float(total))
    env["lengths"].append(int(length))
    if "is_success" in info:
        env["success"].append(bool(info["is_success"]))
    for key, value in info.get("metrics", {}).items():
        env[key].append(float(value))


def score_range(task: Task, level: float) -> dict[str, float]:
    """Return ``floor`` and ``reference`` of the returns on a level; nothing where another reward makes other returns."""
    bounds = task.score_range(level) if isinstance(task.reward, EnvReward) else None
    return dict(zip(("floor", "reference"), bounds, strict=True)) if bounds else {}


def evaluate_level(
    agent: Agent, task: Task, level: float, episodes: int, n_envs: int, seed: int
) -> dict[str, Any]:
    """Play the greedy and the sampled policy on ``level``; both meet the same episodes.

    ``floor`` and ``reference`` stand beside them where the task knows the range of its returns.
    """
    entry: dict[str, Any] = {"level": float(level), **score_range(task, level)}
    env = task.evaluation_task().vec_env([level], min(n_envs, episodes), evaluation_seed(seed))
    for mode, deterministic in (("greedy", True), ("sampled", False)):
        env.seed(evaluation_seed(seed))
        entry[mode] = play_episodes(
            agent, env, episodes, deterministic=deterministic, seed=evaluation_seed(seed)
        )
    env.close()
    return entry
