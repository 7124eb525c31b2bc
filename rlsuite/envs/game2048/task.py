"""2048: push the tiles, merge equal ones; a game lasts as long as a move is left. Variation: more 4s, a blocked cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import ActionKind, Agent, ObservationKind, Reward, Task, Transition
from rlsuite.core.packed_boards import symmetries, word
from rlsuite.envs.common import counter_rng
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.envs.game2048 import board, games

_ONE, _TWO, _SIXTEEN, _THREE = word(1), word(2), word(16), np.arange(3, dtype=np.uint64)[:, None]
_FREE = np.array(
    [[16], [16], [15]], dtype=np.uint64
)  # cells to choose from: for the wall, the first and the second tile
_LESS = np.array([[0], [1], [1]], dtype=np.uint64)  # where there is a wall


@dataclass(frozen=True)
class Game2048Level:
    """What a variation level means: probability that a new tile is a 4, and whether a cell is blocked."""

    four: Any
    blocked: Any

    @classmethod
    def at(cls, level: Any) -> Game2048Level:
        """Interpolate the probability .1 -> .9; past .5 one cell, drawn anew for each game, is blocked."""
        return cls(0.1 + 0.8 * level, level > 0.5)


def new_tile(bits: np.ndarray, boards: np.ndarray, four: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place a tile on one of the empty cells of each board.

    Args:
        bits: (n,) uint64 random draws.
        boards: (n,) uint64, each with a tile on it already.
        four: (n,) probability of a 4.

    Returns:
        The boards (n,) uint64 of the tile alone, to be added to what is there, and how many cells were empty (n,).
    """
    table, empty = board.tables(), board.empties(boards)
    count = table.popcount[empty]
    cell = table.nth[empty, counter_rng.below(bits, count).view(np.int64)]
    return (_ONE + (counter_rng.in_unit_interval(bits) < four)) << (cell << _TWO), count


def new_boards(bits: np.ndarray, level: Game2048Level) -> tuple[np.ndarray, np.ndarray]:
    """Make the boards that games begin with: maybe a wall, and two tiles on the other cells.

    Args:
        bits: (3, n) uint64 random draws.
        level: Of arrays (n,).

    Returns:
        The boards and their walls alone, (n,) uint64 each.
    """
    wall, first, second = counter_rng.below(bits, _FREE - _LESS * level.blocked)
    wall = np.where(level.blocked, wall, _SIXTEEN)  # off the board: shifted out, and no cell comes after it
    first += first >= wall  # the n-th free cell lies behind the taken ones before it
    second += second >= np.minimum(first, wall)
    second += second >= np.maximum(first, wall)
    walls = np.where(level.blocked, word(board.WALL) << (wall << _TWO), word(0))
    exponents = _ONE + (counter_rng.in_unit_interval(bits[1:]) < level.four)
    return walls | (exponents[0] << (first << _TWO)) | (exponents[1] << (second << _TWO)), walls


class Game2048VecEnv(BatchedVecEnv):
    """All boards at once in numpy. Observations: 16 one-hot planes of the cells' exponents (n, 16, 4, 4) uint8.

    An env's random numbers are a hash of its seed and of how many it has drawn, so that envs equal single envs.
    """

    state_arrays: ClassVar[tuple[str, ...]] = (
        "boards",
        "walls",
        "keys",
        "drawn",
        "four",
        "score",
        "illegal_run",
        "illegal_moves",
        "elapsed",
    )

    def __init__(self, task: Game2048, levels: Sequence[float], n_envs: int) -> None:
        super().__init__(levels, n_envs, spaces.Box(0, 1, (16, 4, 4), np.uint8), spaces.Discrete(4))
        self.reward, self.max_illegal, self.goal = task.reward, task.max_illegal, task.goal
        self.turned = task.turned
        self.boards, self.walls, self.keys, self.drawn = np.zeros((4, n_envs), dtype=np.uint64)
        self.four = np.zeros(n_envs)  # probability of a 4 in the game that is played
        self.score, self.illegal_run, self.illegal_moves, self.elapsed = np.zeros((4, n_envs), dtype=np.int64)
        entropy = np.random.SeedSequence().generate_state(n_envs, np.uint64)
        self.keys = counter_rng.mix(entropy)  # until the envs are seeded
        self._shows_cells = "cell" in task.reward.needs
        self._never = np.zeros(n_envs, dtype=bool)  # truncated
        self._places = np.arange(n_envs) * 256 + np.arange(16)[:, None]  # of each cell in the planes

    def _seed_env(self, env: int, seed: int) -> None:
        self.keys[env], self.drawn[env] = counter_rng.key(seed), 0

    def _start(self, envs: np.ndarray) -> None:
        for counter in (self.score, self.illegal_run, self.illegal_moves, self.elapsed):
            counter[envs] = 0
        level = Game2048Level.at(self.env_levels[envs])
        self.four[envs] = level.four
        bits = counter_rng.bits_of(self.keys[envs], self.drawn[envs] + _THREE)
        self.drawn[envs] += word(3)
        boards, self.walls[envs] = new_boards(bits, level)
        self.boards[envs] = boards
        self._turn(envs)

    def _turn(self, envs: Any) -> None:
        """Show each board of ``envs`` in that of its eight orientations which is the largest number, if the task says so.

        The last corner then holds the largest tile of all corners. New tiles fall anywhere alike, so the game is the same.
        """
        if self.turned:
            images = symmetries(self.boards[envs])
            best = images.argmax(axis=0)[None]
            self.boards[envs] = np.take_along_axis(images, best, axis=0)[0]
            self.walls[envs] = np.take_along_axis(symmetries(self.walls[envs]), best, axis=0)[0]

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        moved, gain = board.push_boards(self.boards, actions)
        illegal = moved == self.boards
        legal, shown = ~illegal, {"gain": gain, "illegal": illegal}
        if self._shows_cells:
            shown["cells"] = board.unpack(moved ^ self.walls)
        transition = Transition(gain.astype(float), illegal, shown)
        tile, empty = new_tile(counter_rng.bits_of(self.keys, self.drawn), moved, self.four)
        self.drawn += legal
        self.boards = moved | tile * legal
        self._turn(slice(None))
        self.elapsed += 1
        self.score += gain
        self.illegal_moves += illegal
        self.illegal_run += 1
        self.illegal_run *= illegal
        self._top = highest = board.highest(self.boards ^ self.walls)
        over = (highest >= self.goal) | (self.illegal_run >= self.max_illegal)
        over |= (empty <= legal) & board.jammed(self.boards)
        info = {
            "score": self.score,
            "highest": np.left_shift(1, highest, dtype=np.int64),
            "illegal_moves": self.illegal_moves,
            **self.reward.terms(transition),
        }
        return self.reward(transition), over, self._never, info

    def legal(self) -> np.ndarray:
        """Tell which moves are legal now, (n, 4) bool."""
        return board.legal(self.boards)

    def _observe(self) -> np.ndarray:
        cells = board.unpack(self.boards)
        planes = np.zeros((self.num_envs, 16, 4, 4), dtype=np.uint8)
        planes.reshape(-1)[cells.T * np.int64(16) + self._places] = 1
        return planes

    def _episode_info(self, env: int) -> dict[str, Any]:
        """Sum up a finished game: score, highest tile, illegal moves and their share of all moves."""
        highest = float(1 << int(self._top[env]))
        metrics = {
            "score": float(self.score[env]),
            "highest": highest,
            "illegal_moves": float(self.illegal_moves[env]),
            "illegal_rate": float(self.illegal_moves[env] / self.elapsed[env]),
        }
        return {"metrics": metrics, "is_success": highest >= 2048}


class Game2048(Task):
    """The task: merge on. ``max_tile`` ends a game that reaches it, ``max_illegal`` one that moves illegally in a row.

    ``turned`` turns and mirrors the board after every move so that boards equal by symmetry look the same; the next action
    refers to what is seen. An eighth of the states is left to learn.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"board", "cell", "afterstate", "repeatable start"})
    progress_metric: ClassVar[str] = "highest"

    def __init__(
        self,
        *,
        reward: Reward,
        max_tile: Annotated[int, Ge(8)] = 32768,
        max_illegal: Annotated[int, Gt(0)] = 5,
        turned: bool = False,
    ) -> None:
        self.goal = max_tile.bit_length() - 1
        if max_tile != 1 << self.goal or self.goal > board.WALL:
            raise UserError(f"env.max_tile={max_tile}: must be a power of two from 8 to 32768")
        self.reward, self.max_illegal, self.turned = reward, max_illegal, turned

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Up, right, down, left."""
        return "discrete"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Planes of the board."""
        return "map"

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> Game2048VecEnv:
        """Build ``n_envs`` boards over ``levels``."""
        env = Game2048VecEnv(self, levels, n_envs)
        env.seed(seed)
        return env

    @staticmethod
    def boards(observations: np.ndarray) -> np.ndarray:
        """Return the boards (n,) uint64 that observations (n, 16, 4, 4) show."""
        planes = np.asarray(observations).reshape(-1, 16, 16)
        cells = np.zeros((len(planes), 16), dtype=np.uint8)
        for exponent in range(1, 16):
            cells += planes[:, exponent].astype(np.uint8, copy=False) * np.uint8(exponent)
        return board.pack(cells)

    @staticmethod
    def legal_actions(observations: np.ndarray) -> np.ndarray:
        """Tell which moves are legal in observations (n, 16, 4, 4): (n, 4) bool."""
        return board.legal(Game2048.boards(observations))

    @staticmethod
    def afterstates(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what each move leads to before a tile appears: boards (n, 4) uint64, points and legality (n, 4)."""
        boards = Game2048.boards(observations)
        after, gains = board.afterstates(boards)
        return after, gains, after != boards[:, None]

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Draw a game on level 0 as a strip: the boards on which the highest tile last grew, and the end."""
        return {"game": games.filmstrip(games.play_game(self, agent))}

    def transcript(self, agent: Agent) -> str:
        """Return the game of ``pictures`` as text."""
        return games.transcript(games.play_game(self, agent))

    @staticmethod
    def summary(policies: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
        """Return each policy's mean and median score, shares of games with each tile, illegal moves; as text."""
        return games.games_summary(policies)
