"""MiniGrid's Dynamic-Obstacles as numpy envs: reach the goal in the far corner, do not run into balls or walls.

Rules, rewards and view are those of ``minigrid.envs.DynamicObstaclesEnv`` 3.2 (Chevalier-Boisvert et al. 2023,
https://arxiv.org/abs/2306.13831), but that no obstacle is left out where there are many. Variation: larger rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt
from gymnasium import spaces

from rlsuite.core.interfaces import ActionKind, ObservationKind, Reward, Task, Transition
from rlsuite.envs.common import counter_rng
from rlsuite.envs.common.vec_env import BatchedVecEnv

EMPTY, WALL, BALL, GOAL = 1, 2, 6, 8  # the package's numbers
KINDS = np.array([EMPTY, WALL, BALL, GOAL], dtype=np.uint8)
LEFT, RIGHT, FORWARD = range(3)
VIEW, LARGEST, MOST = 7, 12, 8
PAD = VIEW - 1  # cells around the room, so that every view lies inside the array
WIDTH = LARGEST + 2 * PAD
START = (PAD + 1) * WIDTH + PAD + 1  # cell (x, y) has index (x + PAD) * WIDTH + y + PAD
STEPS = np.array([WIDTH, 1, -WIDTH, -1])  # right, down, left, up: y grows downwards
AROUND = np.array([dx * WIDTH + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])

MiniGridObservation = Literal["raw", "onehot"]


@dataclass(frozen=True)
class MiniGridLevel:
    """The room of one variation level: side in cells, walls included, and how many balls wander in it."""

    size: Any
    obstacles: Any

    @classmethod
    def at(cls, level: Any) -> MiniGridLevel:
        """Interpolate sides 6 to 12 and 2 to 8 balls, rounded half up; ``level`` is a number or an array."""
        size, obstacles = (np.floor(first + 6 * level + 0.5).astype(int) for first in (6, 2))
        return cls(size, obstacles)


def _view_offsets() -> np.ndarray:
    """Return what to add to the agent's cell, (4, 49): its view is 7x7, it stands in the middle of the last row."""
    x, y = np.divmod(np.arange(VIEW * VIEW), VIEW)
    ahead, right = STEPS[:, None], np.roll(STEPS, -1)[:, None]
    return ahead * (VIEW - 1 - y) + right * (x - VIEW // 2)


OFFSETS = _view_offsets()


def room(size: int) -> np.ndarray:
    """Return the cells (WIDTH * WIDTH,) uint8 of a room without balls: the goal in the corner opposite to the start."""
    cells = np.full((WIDTH, WIDTH), WALL, dtype=np.uint8)
    cells[PAD + 1 : PAD + size - 1, PAD + 1 : PAD + size - 1] = EMPTY
    cells[PAD + size - 2, PAD + size - 2] = GOAL
    return cells.ravel()


class MiniGridVecEnv(BatchedVecEnv):
    """All rooms at once. An env's random numbers are a hash of its seed and of how many it has drawn.

    Observations ``raw``: 49 object numbers and the direction (n, 50) uint8; ``onehot``: 4 flags for each, (n, 200) uint8.
    """

    state_arrays: ClassVar[tuple[str, ...]] = (
        "cells",
        "agent",
        "direction",
        "obstacles",
        "count",
        "limit",
        "elapsed",
        "outcome",
        "keys",
        "drawn",
    )

    def __init__(self, task: MiniGrid, levels: Sequence[float], n_envs: int) -> None:
        raw = task.observation == "raw"
        space = spaces.Box(0, GOAL, (50,), np.uint8) if raw else spaces.Box(0, 1, (200,), np.uint8)
        super().__init__(levels, n_envs, space, spaces.Discrete(3))
        self.reward, self.max_steps, self.raw = task.reward, task.max_steps, raw
        self.cells = np.zeros((n_envs, WIDTH * WIDTH), dtype=np.uint8)
        self.obstacles = np.zeros((n_envs, MOST), dtype=np.int64)
        self.agent, self.direction, self.count, self.limit, self.elapsed, self.outcome = np.zeros(
            (6, n_envs), dtype=np.int64
        )
        self.keys, self.drawn = np.zeros((2, n_envs), dtype=np.uint64)
        self._all = np.arange(n_envs)

    def _seed_env(self, env: int, seed: int) -> None:
        self.keys[env], self.drawn[env] = counter_rng.key(seed), 0

    def _bits(self, envs: np.ndarray) -> np.ndarray:
        """Draw a number for each ball: (MOST, k) uint64; an env uses up as many as it has balls."""
        bits = counter_rng.bits_of(
            self.keys[envs], self.drawn[envs] + np.arange(MOST, dtype=np.uint64)[:, None]
        )
        self.drawn[envs] += self.count[envs].astype(np.uint64)
        return bits

    def _start(self, envs: np.ndarray) -> None:
        level = MiniGridLevel.at(self.env_levels[envs])
        self.count[envs] = level.obstacles
        self.limit[envs] = self.max_steps or 4 * level.size**2
        self.agent[envs], self.direction[envs], self.elapsed[envs] = START, 0, 0
        for size in np.unique(level.size):
            self.cells[envs[level.size == size]] = room(size)
        for i, bits in enumerate(self._bits(envs)):
            some = envs[self.count[envs] > i]
            free = self.cells[some] == EMPTY
            free[:, START] = False
            chosen = _nth(free, bits[self.count[envs] > i])
            self.obstacles[some, i] = chosen
            self.cells[some, chosen] = BALL

    def _wander(self) -> None:
        """Move one ball after the other to a free neighbouring cell, drawn uniformly; it stays where there is none."""
        bits = self._bits(self._all)
        for i in range(self.count.max()):
            envs = np.flatnonzero(self.count > i)
            old = self.obstacles[envs, i]
            near = old[:, None] + AROUND
            free = (self.cells[envs[:, None], near] == EMPTY) & (near != self.agent[envs, None])
            new = self._destination(i, envs, near, free, bits[i, envs])
            self.cells[envs, old] = EMPTY
            self.cells[envs, new] = BALL
            self.obstacles[envs, i] = new

    def _destination(
        self, ball: int, envs: np.ndarray, near: np.ndarray, free: np.ndarray, bits: np.ndarray
    ) -> np.ndarray:
        """Choose among the cells ``near`` (k, 9) the ``free`` ones; the middle one, where the ball is, if none is."""
        chosen = np.where(free.any(axis=1), _nth(free, bits), len(AROUND) // 2)
        return near[np.arange(len(near)), chosen]

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        forward, front = actions == FORWARD, self.agent + STEPS[self.direction]
        ahead = self.cells[self._all, front]
        collided = forward & ((ahead == BALL) | (ahead == WALL))  # as seen, wherever the ball goes now
        self._wander()
        self.elapsed += 1
        ahead = self.cells[self._all, front]
        arrived = forward & (ahead == GOAL)
        self.agent = np.where(forward & ((ahead == EMPTY) | arrived), front, self.agent)
        self.direction = (self.direction + (actions == RIGHT) - (actions == LEFT)) % 4
        rewards = np.where(arrived, 1 - 0.9 * (self.elapsed / self.limit), 0.0) - collided
        self.outcome = np.where(arrived, 0, np.where(collided, 1, 2))
        transition = Transition(rewards, arrived | collided)
        terms = self.reward.terms(transition)
        return self.reward(transition), transition.terminated, self.elapsed >= self.limit, terms

    def _observe(self) -> np.ndarray:
        seen = self.cells[self._all[:, None], self.agent[:, None] + OFFSETS[self.direction]]
        seen[:, VIEW * (VIEW // 2) + VIEW - 1] = EMPTY  # the agent's own cell, as the package has it
        if self.raw:
            return np.concatenate([seen, self.direction[:, None].astype(np.uint8)], axis=1)
        flags = (seen[:, :, None] == KINDS).reshape(self.num_envs, -1)
        return np.concatenate([flags, self.direction[:, None] == np.arange(4)], axis=1).astype(np.uint8)

    def _episode_info(self, env: int) -> dict[str, Any]:
        """Say how an episode ended: one of the three rates is 1."""
        rates = {name: float(self.outcome[env] == i) for i, name in enumerate(OUTCOME_RATES)}
        return {"metrics": rates, "is_success": bool(self.outcome[env] == 0)}


OUTCOME_RATES = ("success_rate", "collision_rate", "timeout_rate")


def _nth(free: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return the position (k,) of a uniformly drawn true entry of each row (k, m); 0 where there is none."""
    order = free.cumsum(axis=1, dtype=np.int32)
    pick = counter_rng.below(bits, order[:, -1])
    return (order > pick[:, None].astype(np.int32)).argmax(axis=1)


class MiniGrid(Task):
    """The task: reach the goal without a collision. ``max_steps`` null: 4 * size^2, the package's; the seed had 100.

    The package's own view has colours and states too, which say nothing here.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"repeatable start"})

    progress_metric: ClassVar[str] = "success_rate"

    def __init__(
        self,
        *,
        reward: Reward,
        max_steps: Annotated[int, Gt(0)] | None = None,
        observation: MiniGridObservation = "onehot",
    ) -> None:
        self.reward, self.max_steps, self.observation = reward, max_steps, observation

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Turn left, turn right, go forward."""
        return "discrete"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """The 7x7 view and the direction, flattened: a convolution has no map to look at."""
        return "vector"

    def score_range(self, level: float) -> tuple[float, float]:
        """Return what turning in place gets (``benchmarks/results/floors_minigrid.json``), and the shortest way with no ball in it."""
        size = int(MiniGridLevel.at(level).size)
        steps, limit = 2 * (size - 3) + 1, self.max_steps or 4 * size**2
        return 0.0, 1 - 0.9 * min(steps / limit, 1.0)

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> MiniGridVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = MiniGridVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env
