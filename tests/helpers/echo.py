"""A task whose optimum is known: answer with the number that is shown, or with the one shown a step before."""

import numpy as np
from gymnasium import spaces

from rlsuite.core.interfaces import Task
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.rewards.env import EnvReward

STEPS = 8


class EchoVecEnv(BatchedVecEnv):
    """Episodes of ``STEPS`` steps; each pays 1 for the right answer of two. ``late``: the answer is what was shown before."""

    state_arrays = ("shown", "before", "elapsed")

    def __init__(self, levels, n_envs, late=False):
        super().__init__(levels, n_envs, spaces.Box(0, 1, (2,)), spaces.Discrete(2))
        self.late = late
        self.shown, self.before, self.elapsed = np.zeros((3, n_envs), dtype=np.int64)

    def _start(self, envs):
        self.elapsed[envs] = 0
        for env in envs:
            self.shown[env], self.before[env] = self.rngs[env].integers(2, size=2)

    def _advance(self, actions):
        right = self.before if self.late else self.shown
        rewards, self.before = (actions == right).astype(float), self.shown
        self.shown = np.array([rng.integers(2) for rng in self.rngs])
        self.elapsed += 1
        ends = self.elapsed >= STEPS
        return rewards, ends, np.zeros_like(ends), {}

    def _observe(self):
        return np.eye(2, dtype=np.float32)[self.shown]


class Echo(Task):
    """The task; with ``late`` only a policy that remembers can be right, but for each episode's first step."""

    def __init__(self, late=False):
        self.late, self.reward = late, EnvReward()

    def vec_env(self, levels, n_envs, seed):
        env = EchoVecEnv(levels, n_envs, self.late)
        env.seed(seed)
        return env


def right_answers(agent, late=False, n_envs=16):
    """Return the share of right answers of the greedy policy in an episode, the first step left out."""
    env, state, starts, paid = (
        Echo(late).vec_env([0.0], n_envs, seed=7),
        None,
        np.ones(n_envs, dtype=bool),
        [],
    )
    observations = env.reset()
    for _ in range(STEPS):
        actions, state = agent.predict(observations, state, starts, deterministic=True)
        observations, rewards, starts, _ = env.step(actions)
        paid.append(rewards)
    return float(np.mean(paid[1:]))
