"""The tables against a slow transcription of the rules, and boards worked out by hand."""

import numpy as np
import pytest

from rlsuite.envs.game2048 import board as b


def push(row: list[int]) -> tuple[list[int], int]:
    """Push one row to its first cell as the rules say, section by section between blocked cells."""
    if b.WALL in row:
        at = row.index(b.WALL)
        (left, left_gain), (right, right_gain) = push(row[:at]), push(row[at + 1 :])
        return [*left, b.WALL, *right], left_gain + right_gain
    tiles, made, gain = [k for k in row if k], [], 0
    while tiles:
        k = tiles.pop(0)
        if tiles and tiles[0] == k:
            tiles.pop(0)
            k += 1
            gain += 2**k
        made.append(k)
    return made + [0] * (len(row) - len(made)), gain


def slow_move(cells: list[int], action: int) -> tuple[list[int], int]:
    grid, gain = [cells[i : i + 4] for i in range(0, 16, 4)], 0
    lines = [list(line) for line in zip(*grid, strict=True)] if action in (b.UP, b.DOWN) else grid
    done = []
    for line in lines:
        flip = -1 if action in (b.RIGHT, b.DOWN) else 1
        moved, points = push(line[::flip])
        done.append(moved[::flip])
        gain += points
    grid = [list(line) for line in zip(*done, strict=True)] if action in (b.UP, b.DOWN) else done
    return [k for line in grid for k in line], gain


def random_boards(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cells = rng.integers(1, 16, size=(n, 16)) // rng.integers(1, 8, size=(n, 1))
    return np.where(rng.random((n, 16)) < rng.random((n, 1)), 0, cells).astype(np.uint8)


def test_tables_equal_the_rules_on_all_rows() -> None:
    table = b.tables()
    for row in range(b.POSSIBLE_ROWS):
        cells = [row >> shift & 15 for shift in (0, 4, 8, 12)]
        moved, gain = push(cells)
        assert table.moved[0, row] == sum(k << 4 * i for i, k in enumerate(moved)), cells
        assert table.gain[row] == gain
        back, gain = push(cells[::-1])
        assert table.moved[1, row] == sum(k << 4 * i for i, k in enumerate(back[::-1])), cells
        assert table.gain[row] == gain
        assert table.legal[row] == (moved != cells) + 2 * (back[::-1] != cells)
        assert table.highest[row] == max(cells)


@pytest.mark.parametrize("action", range(4))
def test_move_equals_the_rules_on_random_boards(action: int) -> None:
    cells = random_boards(3000, action)
    boards = b.pack(cells)
    moved, gains = b.push_boards(boards, np.full(len(boards), action))
    after, points = b.afterstates(boards)
    slow = [slow_move(list(map(int, board)), action) for board in cells]
    assert b.unpack(moved).tolist() == [board for board, _ in slow]
    assert gains.tolist() == [gain for _, gain in slow]
    assert np.array_equal(after[:, action], moved)
    assert np.array_equal(points[:, action], gains)
    assert np.array_equal(b.legal(boards)[:, action], moved != boards)


def test_boards_survive_packing_and_transposing() -> None:
    cells = random_boards(500)
    boards = b.pack(cells)
    assert np.array_equal(b.unpack(boards), cells)
    assert np.array_equal(
        b.unpack(b.transpose(boards)).reshape(-1, 4, 4), cells.reshape(-1, 4, 4).transpose(0, 2, 1)
    )
    assert np.array_equal(b.highest(boards), cells.max(axis=1))


def board(drawing: str) -> np.ndarray:
    codes = {".": 0, "#": b.WALL}
    return b.pack([[codes[w] if w in codes else int(w).bit_length() - 1 for w in drawing.split()]])


START = """
  2 2 . 4
  4 . 4 .
  2 2 2 2
  . # 2 2"""
BY_HAND = {
    b.LEFT: ("4 4 . .  8 . . .  4 4 . .  . # 4 .", 4 + 8 + 8 + 4),
    b.RIGHT: (". . 4 4  . . . 8  . . 4 4  . # . 4", 4 + 8 + 8 + 4),
    b.UP: ("2 4 4 4  4 . 4 4  2 . . .  . # . .", 4 + 4 + 4),
    b.DOWN: (". . . .  2 . . .  4 4 4 4  2 # 4 4", 4 + 4 + 4),
}


@pytest.mark.parametrize("action", BY_HAND)
def test_moves_by_hand(action: int) -> None:
    """Each tile merges once, the pair nearest the border first; nothing passes the blocked cell."""
    moved, gain = b.push_boards(board(START), np.array([action]))
    drawing, points = BY_HAND[action]
    assert b.text(moved[0]) == b.text(board(drawing)[0])
    assert gain[0] == points


def test_no_move_is_left_on_a_chequered_board() -> None:
    full = board("2 4 2 4  4 2 4 2  2 4 2 4  4 2 4 2")
    assert not b.legal(full).any()
    assert b.push_boards(full, np.array([b.UP]))[0] == full


def test_text_shows_tiles_gaps_and_walls() -> None:
    assert b.text(board(START)[0]).splitlines()[3].split() == [".", "#", "2", "2"]


def test_full_boards_are_jammed_when_no_move_is_legal() -> None:
    rng = np.random.default_rng(0)
    cells = np.concatenate([rng.integers(1, top, size=(3000, 16)) for top in (4, 9, b.WALL)])
    chequered = 1 + (np.arange(16) + np.arange(16) // 4) % 2
    boards = b.pack(np.concatenate([cells, chequered[None]]))
    jammed = b.jammed(boards)
    assert np.array_equal(jammed, ~b.legal(boards).any(axis=1))
    assert 10 < jammed.sum() < 9000 and jammed[-1]


def test_empties_are_a_mask_of_the_cells() -> None:
    cells = np.random.default_rng(0).integers(0, 3, size=(500, 16))
    masks = b.empties(b.pack(cells))
    assert np.array_equal((masks[:, None] >> np.arange(16)) & 1, cells == 0)
    table = b.tables()
    assert np.array_equal(table.popcount[masks], (cells == 0).sum(axis=1))
    assert table.nth[masks[0], : table.popcount[masks[0]]].tolist() == np.flatnonzero(cells[0] == 0).tolist()
