"""Procgen games as envs: one native vector env for each variation, 64x64 pictures, a stack of frames.

Cobbe et al., "Leveraging procedural generation to benchmark reinforcement learning" (2020),
https://arxiv.org/abs/1912.01588. The package is ``procgen`` or, for newer Pythons, ``procgen-mirror``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Gt
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import NO_USE, ActionKind, ObservationKind, Reward, Task, Transition, Tree, Use
from rlsuite.envs.common.infos import BatchedInfos
from rlsuite.envs.common.vec_env import BatchedVecEnv

SIDE, ACTIONS = 64, 15
ROOM = 13  # frames appended to a memory before the next one begins with a copy of the last ones


@dataclass(frozen=True)
class ProcgenLevel:
    """The pictures of one variation level: how many different games there are (0: no end), and the share of hard envs."""

    games: int
    hard: float

    @classmethod
    def at(cls, level: float) -> ProcgenLevel:
        """Return one of the five levels there are; between them nothing is defined, the steps differ in kind.

        Raises:
            UserError: For any other number.
        """
        if level not in LEVELS:
            raise UserError(refusal(level))
        return LEVELS[level]


LEVELS = {
    0.0: ProcgenLevel(200, 0.0),
    0.25: ProcgenLevel(1000, 0.0),
    0.5: ProcgenLevel(0, 0.0),
    0.75: ProcgenLevel(0, 0.5),
    1.0: ProcgenLevel(0, 1.0),
}


def refusal(level: float) -> str:
    """Say why Procgen cannot play ``level``."""
    return f"level {level:g} is none of Procgen's; take {', '.join(f'{known:g}' for known in LEVELS)}"


def variants(env_levels: Iterable[float]) -> list[tuple[int, str]]:
    """Return for each env the number of games and the mode; of a level's envs the share that is hard is spread evenly.

    A level that is half easy and half hard has its 2nd, 4th, ... env hard.
    """
    seen: dict[float, int] = {}
    found = []
    for value in env_levels:
        level, before = ProcgenLevel.at(value), seen.get(value, 0)
        seen[value] = before + 1
        hard = int((before + 1) * level.hard) > int(before * level.hard)
        found.append((level.games, "hard" if hard else "easy"))
    return found


def native(game: str, n: int, games: int, mode: str, seed: int) -> Any:
    """Return Procgen's own vector env of ``n`` envs; it takes this process's threads, which change no result."""
    with redirect_stderr(io.StringIO()):  # the old gym package, which procgen imports, prints a notice
        from procgen import ProcgenGym3Env

    threads = torch.get_num_threads()
    return ProcgenGym3Env(
        num=n,
        env_name=game,
        num_levels=games,
        distribution_mode=mode,
        rand_seed=seed,
        num_threads=0 if threads == 1 else threads,
    )


class ProcgenVecEnv(BatchedVecEnv):
    """Observations (n_envs, 3 * frame_stack, 64, 64) uint8, newest frame last; before an episode's first frame, zeros.

    Procgen begins the next episode by itself and never shows an episode's last frame: ``terminal_observation`` is the
    last one seen. It does not tell a time limit from another end, so every end is a termination.
    """

    def __init__(
        self, game: str, levels: Sequence[float], n_envs: int, reward: Reward, frame_stack: int
    ) -> None:
        shape = (3 * frame_stack, SIDE, SIDE)
        super().__init__(levels, n_envs, spaces.Box(0, 255, shape, np.uint8), spaces.Discrete(ACTIONS))
        variants(self.env_levels)  # refuses an impossible level now
        self.game, self.reward, self.frame_stack = game, reward, frame_stack
        self.keys, self.resets = np.zeros(n_envs, dtype=np.int64), 0
        self.parts: list[tuple[np.ndarray, Any]] = []
        self._hold(np.zeros((n_envs, *shape), dtype=np.uint8))

    def _seed_env(self, env: int, seed: int) -> None:
        self.keys[env], self.resets = seed, 0

    def _start(self, envs: np.ndarray) -> None:
        """Begin anew in every env: native envs of their own for each variant, seeded by their first env's seed."""
        self._build()
        self.resets += 1
        self._push(self._observe_parts()[0], np.ones(self.num_envs, dtype=bool))

    def _build(self) -> None:
        self.close()
        envs: dict[tuple[int, str], list[int]] = {}
        for i, variant in enumerate(variants(self.env_levels)):
            envs.setdefault(variant, []).append(i)
        for i, ((games, mode), members) in enumerate(envs.items()):
            words = np.random.SeedSequence([int(self.keys[members[0]]), self.resets, i]).generate_state(1)
            part = native(self.game, len(members), games, mode, int(words[0] >> 1))
            self.parts.append((np.array(members), part))

    def _observe(self) -> np.ndarray:
        return self.stack

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, BatchedInfos]:
        """Advance every env; Procgen restarts those that ended."""
        actions = np.asarray(self._actions)
        for envs, part in self.parts:
            part.act(actions if len(self.parts) == 1 else actions[envs])
        frames, env_rewards, ended = self._observe_parts()
        transition = Transition(env_rewards, ended)
        rewards = np.asarray(self.reward(transition), dtype=np.float32)
        infos = BatchedInfos({"TimeLimit.truncated": np.zeros_like(ended), **self.reward.terms(transition)})
        for i in np.flatnonzero(ended):
            infos[i]["terminal_observation"] = self.stack[i]
        self._push(frames, ended)
        return self.stack, rewards, ended, infos

    def _observe_parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the envs' frames (n, 64, 64, 3), rewards (n,) and whether an episode has just begun (n,) bool."""
        if len(self.parts) == 1:
            rewards, frames, first = self.parts[0][1].observe()
            return frames["rgb"], rewards, first
        frames = np.empty((self.num_envs, SIDE, SIDE, 3), dtype=np.uint8)
        rewards, first = np.empty(self.num_envs, dtype=np.float32), np.empty(self.num_envs, dtype=bool)
        for envs, part in self.parts:
            rewards[envs], found, first[envs] = part.observe()
            frames[envs] = found["rgb"]
        return frames, rewards, first

    def _hold(self, stack: np.ndarray) -> None:
        """Make ``stack`` (n, 3 * frame_stack, 64, 64) the current one, whose memory has no room for another frame."""
        self.memory = self.stack = stack
        self.filled = stack.shape[1]

    def _push(self, frames: np.ndarray, first: np.ndarray) -> None:
        """Append a frame to every stack; memory once seen is never written again: who holds observations keeps them."""
        planes = frames.transpose(0, 3, 1, 2)
        if self.frame_stack == 1:
            self.stack = planes
            return
        if first.any() or self.filled == self.memory.shape[1]:
            self._make_room(first)
        new = self.memory[:, self.filled : self.filled + 3]
        # torch parts the colours faster than numpy does
        torch.from_numpy(new).copy_(torch.from_numpy(planes))
        self.filled += 3
        self.stack = self.memory[:, self.filled - 3 * self.frame_stack : self.filled]

    def _make_room(self, first: np.ndarray) -> None:
        """Begin a memory with the frames that stay; envs whose episode has just begun have none."""
        kept = self.stack[:, 3:]
        self.filled = kept.shape[1]
        self.memory = np.empty((self.num_envs, self.filled + 3 * ROOM, SIDE, SIDE), dtype=np.uint8)
        self.memory[:, : self.filled] = kept
        self.memory[first, : self.filled] = 0

    def get_state(self) -> Tree:
        """Return the levels, the native games' own states and the stacks."""
        games = [
            [np.frombuffer(state, dtype=np.uint8) for state in part.callmethod("get_state")]
            for _, part in self.parts
        ]
        return {
            "levels": self.env_levels.copy(),
            "keys": self.keys.copy(),
            "resets": self.resets,
            "stack": self.stack.copy(order="K"),
            "games": games,
        }

    def set_state(self, state: Tree) -> None:
        """Continue exactly where ``get_state`` was called; no reset is pending afterwards."""
        self.env_levels, self.keys, self.resets = state["levels"], state["keys"], state["resets"]
        self._hold(state["stack"])
        if state["games"]:
            self._build()
        for (_, part), games in zip(self.parts, state["games"], strict=True):
            part.callmethod("set_state", [game.tobytes() for game in games])
        self._reset_seeds()
        self._reset_options()

    def close(self) -> None:
        """Free the native envs."""
        for _, part in self.parts:
            part.close()
        self.parts = []


class Procgen(Task):
    """The task of one Procgen game; ``frame_stack`` frames are one observation."""

    game: ClassVar[str]
    offers: ClassVar[frozenset[str]] = frozenset({"pixels"})

    def __init__(self, *, reward: Reward, frame_stack: Annotated[int, Gt(0)] = 4) -> None:
        self.reward, self.frame_stack = reward, frame_stack

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Fifteen combinations of keys."""
        return "discrete"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Stacked frames."""
        return "pixels"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say what keeps the game from being played at ``levels`` here."""
        if find_spec("procgen") is None:
            yield (
                "the package procgen is not installed (procgen-mirror has it for Python 3.11 and 3.12 on x86-64 Linux); "
                "take env=cartpole or env=minigrid"
            )
        for level in use.levels:
            if level not in LEVELS:
                yield refusal(level)

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> ProcgenVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = ProcgenVecEnv(self.game, levels, n_envs, self.reward, self.frame_stack)
        env.seed(seed)
        return env
