"""The envs of env=game2048 against the same env written with Python lists: board-steps a CPU second on one core.

Both give the same one-hot observations, rewards and info, and the legal moves that a masked learner asks for at every step.
The envs make the dict of an env's info when it is read: `steps` reads those of ended games, as learners do, `all_infos` every one.
The loop runs in Stable-Baselines3's DummyVecEnv, as such envs do; also without the legal moves, and bare: its rules alone.

    python -m benchmarks.speed.game2048_vec_env --seconds 3
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.record import write
from rlsuite.envs.game2048.task import Game2048
from rlsuite.rewards.merge_score import MergeScore

SIZES = (64, 256, 1024, 4096, 16384)


class PythonBoard:
    """2048 with lists of numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.reset()

    def reset(self) -> None:
        self.grid = [[0] * 4 for _ in range(4)]
        self.add_tile()
        self.add_tile()

    def add_tile(self) -> None:
        empty = [(i, j) for i in range(4) for j in range(4) if not self.grid[i][j]]
        i, j = self.random.choice(empty)
        self.grid[i][j] = 4 if self.random.random() < 0.1 else 2

    @staticmethod
    def push(row: list[int]) -> tuple[list[int], int]:
        tiles, made, gain = [value for value in row if value], [], 0
        while tiles:
            value = tiles.pop(0)
            if tiles and tiles[0] == value:
                value += tiles.pop(0)
                gain += value
            made.append(value)
        return made + [0] * (4 - len(made)), gain

    def moved(self, action: int) -> tuple[list[list[int]], int]:
        flip = -1 if action in (1, 2) else 1
        lines = [list(line) for line in zip(*self.grid, strict=True)] if action in (0, 2) else self.grid
        pushed = [self.push(line[::flip]) for line in lines]
        grid = [line[::flip] for line, _ in pushed]
        gain = sum(points for _, points in pushed)
        return ([list(line) for line in zip(*grid, strict=True)] if action in (0, 2) else grid), gain

    def stuck(self) -> bool:
        if any(0 in row for row in self.grid):
            return False
        lines = self.grid + [list(line) for line in zip(*self.grid, strict=True)]
        return not any(a == b for line in lines for a, b in itertools.pairwise(line))

    def step(self, action: int) -> tuple[int, bool]:
        grid, gain = self.moved(action)
        if grid != self.grid:
            self.grid = grid
            self.add_tile()
        over = self.stuck()
        if over:
            self.reset()
        return gain, over

    def legal(self) -> list[bool]:
        return [self.moved(action)[0] != self.grid for action in range(4)]


class PythonEnv(gym.Env):
    """The usual way to write the env: one board of Python lists, one-hot planes made with numpy."""

    observation_space = gym.spaces.Box(0, 1, (16, 4, 4), np.uint8)
    action_space = gym.spaces.Discrete(4)

    def __init__(self, seed: int) -> None:
        self.board = PythonBoard(seed)

    def observe(self) -> np.ndarray:
        codes = [[value.bit_length() - 1 if value else 0 for value in row] for row in self.board.grid]
        return (np.arange(16)[:, None, None] == np.array(codes)).astype(np.uint8)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        self.board.reset()
        self.score, self.illegal = 0, 0
        return self.observe(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        grid, gain = self.board.moved(int(action))
        legal = grid != self.board.grid
        if legal:
            self.board.grid = grid
            self.board.add_tile()
        self.score += gain
        self.illegal += not legal
        info = {
            "score": self.score,
            "highest": max(max(row) for row in self.board.grid),
            "illegal_moves": self.illegal,
            "combine_reward": float(gain),
            "row_reward": 0.0,
            "col_reward": 0.0,
            "empty_cell_reward": 0.0,
        }
        return self.observe(), float(gain) if legal else -2.0, self.board.stuck(), False, info

    def action_masks(self) -> list[bool]:
        return self.board.legal()


def rate(step: Callable[[np.ndarray], object], n: int, seconds: float) -> float:
    """Return the board-steps a CPU second of ``step(actions)``, median of five stretches."""
    actions = np.random.default_rng(0).integers(4, size=(64, n))
    rates = []
    for _ in range(5):
        start, steps = time.process_time(), 0
        while time.process_time() - start < seconds / 5:
            step(actions[steps % 64])
            steps += 1
        rates.append(steps * n / (time.process_time() - start))
    return statistics.median(rates)


def masked_loop(env: DummyVecEnv) -> Callable[[np.ndarray], object]:
    def step(actions: np.ndarray) -> object:
        return env.step(actions), np.stack(env.env_method("action_masks"))

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    boards = [PythonBoard(i) for i in range(64)]
    bare = rate(
        lambda a: [board.step(x) for board, x in zip(boards, a.tolist(), strict=True)], 64, args.seconds
    )
    dummy = DummyVecEnv([lambda i=i: PythonEnv(i) for i in range(64)])
    dummy.reset()
    loop = {"steps": rate(dummy.step, 64, args.seconds), "masked": rate(masked_loop(dummy), 64, args.seconds)}
    loop["all_infos"] = loop["steps"]  # made at every step anyway
    envs: dict[str, dict[int, float]] = {kind: {} for kind in loop}
    for n in SIZES:
        task = Game2048(reward=MergeScore(), max_illegal=10**9)  # the loop knows no such end either
        env = task.vec_env([0.0], n, seed=0)
        env.reset()
        envs["steps"][n] = rate(env.step, n, args.seconds)
        envs["all_infos"][n] = rate(lambda a, e=env: list(e.step(a)[3]), n, args.seconds)
        envs["masked"][n] = rate(lambda a, t=task, e=env: t.legal_actions(e.step(a)[0]), n, args.seconds)
    ratios = {kind: round(envs[kind][64] / loop[kind], 1) for kind in loop}
    write(
        "game2048_lanes",
        {
            "seconds_each": args.seconds,
            "python_rules_alone_64": round(bare),
            "python_loop_64": {kind: round(value) for kind, value in loop.items()},
            "envs": {kind: {n: round(value) for n, value in found.items()} for kind, found in envs.items()},
            "ratio_64": ratios,
            "limit_ratio_64": 10,
            "best": round(max(envs["steps"].values())),
            "limit": 400_000,
        },
    )


if __name__ == "__main__":
    main()
