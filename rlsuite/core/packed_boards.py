"""4x4 boards as 64-bit words, a nibble a cell: mirror images, and the values of patterns of cells as table indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def word(value: int) -> np.ndarray:
    """Return a constant as a uint64 array (1,): numpy is faster with it than with a scalar."""
    return np.array([value], dtype=np.uint64)


_4, _8, _12, _24 = (word(bits) for bits in (4, 8, 12, 24))
DIAGONAL = np.stack([word(0x0000F0F00000F0F0), word(0x00000000FF00FF00)])
_LOW_NIBBLES, _LOW_BYTES = word(0x0F0F0F0F0F0F0F0F), word(0x00FF00FF00FF00FF)


def transpose(boards: np.ndarray, masks: Sequence[np.ndarray] | np.ndarray = DIAGONAL) -> np.ndarray:
    """Mirror boards (..., n) uint64 at the main diagonal: swap off-diagonal nibbles, then off-diagonal 2x2 blocks.

    ``masks`` says what is swapped in each pass; arrays (n,) that are 0 for some boards leave those as they are.
    """
    swap = (boards ^ (boards >> _12)) & masks[0]
    boards = boards ^ swap ^ (swap << _12)
    swap = (boards ^ (boards >> _24)) & masks[1]
    return boards ^ swap ^ (swap << _24)


def mirror(boards: np.ndarray) -> np.ndarray:
    """Reverse every row of boards (..., n) uint64."""
    boards = ((boards & _LOW_NIBBLES) << _4) | ((boards >> _4) & _LOW_NIBBLES)
    return ((boards & _LOW_BYTES) << _8) | ((boards >> _8) & _LOW_BYTES)


def symmetries(boards: np.ndarray) -> np.ndarray:
    """Return the eight mirror images and rotations (8, n) of boards (n,) uint64."""
    images = np.empty((8, len(boards)), dtype=np.uint64)
    images[0] = boards
    images[1] = transpose(boards)
    images[2:4] = mirror(images[0:2])
    images[4] = transpose(images[2])
    images[5] = transpose(images[3])
    images[6] = mirror(images[4])
    images[7] = transpose(images[6])
    return images


def pattern_index(boards: np.ndarray, cells: Sequence[int]) -> np.ndarray:
    """Return the exponents of ``cells`` (increasing) as one number, int64 of the boards' shape: the first is the lowest nibble.

    Runs of neighbouring cells are cut out together.
    """
    index, done = None, 0
    while done < len(cells):
        length = 1
        while done + length < len(cells) and cells[done + length] == cells[done] + length:
            length += 1
        mask, shift = word(((1 << 4 * length) - 1) << 4 * done), 4 * (cells[done] - done)
        part = ((boards >> word(shift)) if shift else boards) & mask
        index = part if index is None else index | part
        done += length
    assert index is not None, "a pattern has cells"
    return index.view(np.int64)
