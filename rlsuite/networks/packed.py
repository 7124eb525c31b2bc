"""4x4 boards as 64-bit words, a nibble a cell: mirror images, and the values of patterns of cells as table indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_U = np.uint64


def transpose(boards: np.ndarray) -> np.ndarray:
    """Mirror boards (...) uint64 at the main diagonal: swap off-diagonal nibbles, then off-diagonal 2x2 blocks."""
    swap = (boards ^ (boards >> _U(12))) & _U(0x0000F0F00000F0F0)
    boards = boards ^ swap ^ (swap << _U(12))
    swap = (boards ^ (boards >> _U(24))) & _U(0x00000000FF00FF00)
    return boards ^ swap ^ (swap << _U(24))


def mirror(boards: np.ndarray) -> np.ndarray:
    """Reverse every row of boards (...) uint64."""
    low, high = _U(0x0F0F0F0F0F0F0F0F), _U(0x00FF00FF00FF00FF)
    boards = ((boards & low) << _U(4)) | ((boards >> _U(4)) & low)
    return ((boards & high) << _U(8)) | ((boards >> _U(8)) & high)


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
        mask, shift = _U(((1 << 4 * length) - 1) << 4 * done), 4 * (cells[done] - done)
        part = ((boards >> _U(shift)) if shift else boards) & mask
        index = part if index is None else index | part
        done += length
    assert index is not None, "a pattern has cells"
    return index.view(np.int64)
