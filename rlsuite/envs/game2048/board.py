"""The rules of 2048 on many boards at once, by tables of all 65,536 rows.

A board is one uint64: cell i, row by row, is the nibble at bit 4 i and holds an exponent: 0 empty, k a tile 2^k, 15
(``WALL``) a cell that neither moves nor merges. 2^15 may stand there too: the game is over once it is made. Actions are
up, right, down, left. The game: Gabriele Cirulli (2014), https://github.com/gabrielecirulli/2048.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from rlsuite.core.packed_boards import DIAGONAL, transpose, word

UP, RIGHT, DOWN, LEFT = range(4)
WALL = 15
POSSIBLE_ROWS = 1 << 16
_BACKWARD = np.array([0, POSSIBLE_ROWS, POSSIBLE_ROWS, 0])  # where the table of moves to the last cell begins
_VERTICAL = DIAGONAL * np.array(
    [1, 0, 1, 0], dtype=np.uint64
)  # (2, 4): columns are moved as rows of the mirrored board
_SHIFTS = np.arange(0, 64, 4, dtype=np.uint64)[:, None]
_1, _2, _4, _16, _CELL = (word(value) for value in (1, 2, 4, 16, 15))
_ROW_BITS = np.arange(0, 16, 4, dtype=np.uint16)[:, None]
_LEFT, _ABOVE = (
    word(0x0111011101110111),
    word(0x0000111111111111),
)  # cells with a neighbour right of, or below them


class Tables(NamedTuple):
    """What each row (65,536) becomes, by rows; a column is the row of the transposed board."""

    moved: np.ndarray  # (2, POSSIBLE_ROWS) uint16: pushed towards the first cell, and towards the last
    gain: np.ndarray  # (POSSIBLE_ROWS,) int32: points of the merges, the same for both directions
    legal: (
        np.ndarray
    )  # (POSSIBLE_ROWS,) uint8: bit 0 if pushing to the first cell changes it, bit 1 to the last
    highest: np.ndarray  # (POSSIBLE_ROWS,) uint8: largest exponent, walls included
    empty: np.ndarray  # (POSSIBLE_ROWS,) uint16: bit i if cell i is empty
    popcount: np.ndarray  # (65,536,) uint64: how many bits are set in each mask of 16 cells
    nth: np.ndarray  # (65,536, 16) uint64: where the first, second, ... bit of the mask is


@cache
def tables() -> Tables:
    """Build the tables, some 50 ms, on first use."""
    rows = np.arange(POSSIBLE_ROWS, dtype=np.uint32)
    cells = (rows[:, None] >> np.arange(0, 16, 4, dtype=np.uint32)) & 15
    first, gain = _push(cells)
    last = _push(cells[:, ::-1])[0][:, ::-1]
    moved = np.stack([_join(first), _join(last)])
    legal = (moved[0] != rows) | ((moved[1] != rows).astype(np.uint8) << 1)
    empty = ((cells == 0) << np.arange(4)).sum(axis=1).astype(np.uint16)
    masks = (rows[:, None] >> np.arange(16, dtype=np.uint32)) & 1 > 0
    nth = np.argsort(~masks, axis=1, kind="stable").astype(np.uint64)
    count = masks.sum(axis=1).astype(np.uint64)
    return Tables(moved, gain, legal.astype(np.uint8), cells.max(axis=1).astype(np.uint8), empty, count, nth)


def _join(cells: np.ndarray) -> np.ndarray:
    return (cells << np.arange(0, 16, 4, dtype=np.uint32)).sum(axis=1).astype(np.uint16)


def _push(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Push rows (n, 4) towards their first cell; each tile merges once. Returns the rows and the points (n,)."""
    n = len(cells)
    out, gain = np.zeros_like(cells), np.zeros(n, dtype=np.int32)
    free, fresh = (
        np.zeros(n, dtype=np.intp),
        np.zeros(n, dtype=bool),
    )  # next place; may the one before still merge
    for i, value in enumerate(cells.T):
        wall, tile = value == WALL, (value > 0) & (value < WALL)
        merges = tile & fresh & (out[np.arange(n), free - 1] == value)
        puts = tile & ~merges
        out[merges, free[merges] - 1] += 1
        gain[merges] += (2 << value[merges]).astype(np.int32)
        out[puts, free[puts]] = value[puts]
        out[wall, i] = WALL
        free = np.where(wall, i + 1, free + puts)
        fresh = np.where(wall | merges, False, fresh | puts)
    return out, gain


def lines(boards: np.ndarray) -> np.ndarray:
    """Return the rows (n, 4) uint16 of boards (n,) uint64, a view."""
    return np.ascontiguousarray(boards).view("<u2").reshape(-1, 4)


def push_boards(boards: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Push the tiles of boards (n,) uint64 by ``actions`` (n,); no new tile appears.

    Returns:
        The boards after it, equal to the ones before where the move is illegal, and the points (n,) of the merges.
    """
    table, vertical = tables(), _VERTICAL[:, actions]
    rows = lines(transpose(boards, vertical))
    moved = table.moved.ravel()[rows + _BACKWARD[actions][:, None]].view("<u8")[:, 0]
    return transpose(moved, vertical), np.add.reduce(table.gain.take(rows.T))


def afterstates(boards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the boards (n, 4) uint64 that each action leads to, and their points (n, 4)."""
    table = tables()
    rows, columns = lines(boards), lines(transpose(boards))
    left, right = (moved[rows].view("<u8")[:, 0] for moved in table.moved)
    up, down = (transpose(moved[columns].view("<u8")[:, 0]) for moved in table.moved)
    across, along = table.gain[rows.T].sum(axis=0), table.gain[columns.T].sum(axis=0)
    return np.stack([up, right, down, left], axis=1), np.stack([along, across, along, across], axis=1)


def legal(boards: np.ndarray) -> np.ndarray:
    """Tell which actions change the boards (n,) uint64: (n, 4) bool."""
    table = tables().legal
    across = np.bitwise_or.reduce(table[lines(boards).T])
    along = np.bitwise_or.reduce(table[lines(transpose(boards)).T])
    return np.stack([along & 1, across & 2, along & 2, across & 1], axis=1) > 0


def empties(boards: np.ndarray) -> np.ndarray:
    """Return which cells of boards (n,) uint64 are empty: masks (n,) uint16, bit i for cell i."""
    return np.bitwise_or.reduce(tables().empty.take(lines(boards).T) << _ROW_BITS)


def jammed(boards: np.ndarray) -> np.ndarray:
    """Tell which of the boards (n,) uint64, all without an empty cell, have no equal neighbours either: (n,) bool."""
    right, below = (
        boards ^ (boards >> _4),
        boards ^ (boards >> _16),
    )  # a nibble is 0 where neighbours are equal
    return ((_any_bit(right) & _LEFT) == _LEFT) & ((_any_bit(below) & _ABOVE) == _ABOVE)


def _any_bit(boards: np.ndarray) -> np.ndarray:
    """Set the lowest bit of each nibble that is not 0; the other bits mean nothing."""
    pairs = boards | (boards >> _1)
    return pairs | (pairs >> _2)


def highest(boards: np.ndarray) -> np.ndarray:
    """Return the largest exponent (n,) of boards (n,) uint64."""
    return np.maximum.reduce(tables().highest.take(lines(boards).T))


def unpack(boards: np.ndarray) -> np.ndarray:
    """Return the exponents (n, 16) uint8 of boards (n,) uint64, row by row: the transpose of an array in memory."""
    return ((boards >> _SHIFTS) & _CELL).astype(np.uint8).T


def pack(cells: np.ndarray) -> np.ndarray:
    """Return boards (n,) uint64 with the exponents ``cells`` (n, 16)."""
    cells = np.asarray(cells, dtype=np.uint8)
    return np.ascontiguousarray(cells[:, 0::2] | (cells[:, 1::2] << 4)).view("<u8")[:, 0]


def text(board: int) -> str:
    """Draw one board as four lines of numbers; ``.`` is an empty cell, ``#`` a blocked one."""
    words = [
        "." if k == 0 else "#" if k == WALL else str(1 << k)
        for k in unpack(np.array([board], "<u8"))[0].tolist()
    ]
    return "\n".join(" ".join(f"{word:>5}" for word in words[i : i + 4]) for i in range(0, 16, 4))
