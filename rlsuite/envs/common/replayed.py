"""Envs of envs whose state cannot be read out: an episode is its seed, its level and its actions, and is played again to resume."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np

from rlsuite.core.interfaces import Reward, Transition, Tree
from rlsuite.envs.common.vec_env import BatchedVecEnv

log = logging.getLogger(__name__)

SEEDS = 2**31  # an env's stream draws one of so many for each of its episodes


class Outcome(NamedTuple):
    """What one step of one env brought."""

    reward: float
    terminated: bool
    truncated: bool


class ReplayedVecEnv(BatchedVecEnv):
    """Ordinary envs, one an env, each episode begun from a seed of its own; observations are stacks of ``frame_stack`` frames.

    A subclass implements ``_begin``, ``_play`` and ``_look``. As every episode is a function of (seed, level, actions), a
    checkpoint holds these and needs no pickle of the env, and ``set_state`` plays the episodes again: as exact as the env is
    deterministic, at the price of the steps since the last reset. Should an env not come out where it stood, a warning says so.

    Args:
        levels: As of ``BatchedVecEnv``.
        n_envs: As of ``BatchedVecEnv``.
        observation_space: Of a whole stack, newest frame last; before an episode's first frame stand zeros.
        action_space: Of the envs.
        reward: Of the envs' own rewards.
        frame_stack: How many frames, along the first axis, an observation is.
    """

    state_arrays: ClassVar[tuple[str, ...]] = ("seeds", "played_levels", "shown")

    def __init__(
        self,
        levels: Sequence[float],
        n_envs: int,
        observation_space: gym.spaces.Box,
        action_space: gym.Space,
        reward: Reward,
        frame_stack: int = 1,
    ) -> None:
        super().__init__(levels, n_envs, observation_space, action_space)
        self.reward = reward
        self.channels = observation_space.shape[0] // frame_stack
        self.seeds = np.full(n_envs, -1, dtype=np.int64)  # -1: no episode yet
        self.played_levels = np.zeros(
            n_envs
        )  # of the episodes that are played; env_levels are those of the next ones
        self.actions: list[list[np.ndarray]] = [[] for _ in range(n_envs)]
        self.shown = np.zeros((n_envs, *observation_space.shape), dtype=observation_space.dtype)
        self._all = np.arange(n_envs)

    def _begin(self, env: int, seed: int, level: float) -> None:
        """Begin the episode of ``seed`` at ``level`` in an env."""
        raise NotImplementedError

    def _play(self, env: int, action: np.ndarray) -> Outcome:
        """Take a step in an env, without a look at it."""
        raise NotImplementedError

    def _look(self, envs: np.ndarray) -> np.ndarray:
        """Return the present frames (k, channels, ...) of ``envs`` (k,) int."""
        raise NotImplementedError

    def _start(self, envs: np.ndarray) -> None:
        for env in envs:
            self.seeds[env] = self.rngs[env].integers(SEEDS)
            self.played_levels[env] = self.env_levels[env]
            self.actions[env] = []
            self._begin(int(env), int(self.seeds[env]), float(self.played_levels[env]))
        self._show(envs, first=True)

    def _show(self, envs: np.ndarray, first: bool) -> None:
        """Append the frames of ``envs`` to their stacks, in new memory: who holds the last observations keeps them."""
        shown, old = self.shown.copy(), self.channels
        shown[envs, :-old] = 0 if first else self.shown[envs, old:]
        shown[envs, -old:] = self._look(envs)
        self.shown = shown

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        for env, action in enumerate(actions):
            self.actions[env].append(action.copy())
        outcomes = [self._play(env, action) for env, action in enumerate(actions)]
        gains, terminated, truncated = (np.array(column) for column in zip(*outcomes, strict=True))
        self._show(self._all, first=False)
        transition = Transition(gains.astype(float), terminated)
        return self.reward(transition), terminated, truncated & ~terminated, self.reward.terms(transition)

    def _observe(self) -> np.ndarray:
        return self.shown

    def get_state(self) -> Tree:
        """Return streams and levels, and of each episode its seed, its level, its actions and the frames last seen."""
        return {**super().get_state(), "actions": [np.array(taken) for taken in self.actions]}

    def set_state(self, state: Tree) -> None:
        """Continue exactly where ``get_state`` was called: every env's episode is played again."""
        super().set_state(state)
        self.actions = [list(taken) for taken in state["actions"]]
        begun = np.flatnonzero(self.seeds >= 0)
        for env in begun:
            self._begin(int(env), int(self.seeds[env]), float(self.played_levels[env]))
            for action in self.actions[env]:
                self._play(int(env), action)
        if len(begun) and not np.array_equal(self._look(begun), self.shown[begun, -self.channels :]):
            log.warning("%s is not deterministic: resumed, its episodes are not where they were", self.name())

    def name(self) -> str:
        """Return what messages call the env."""
        return type(self).__name__

    def _episode_info(self, env: int) -> dict[str, Any]:
        return {}
