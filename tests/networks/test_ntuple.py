"""N-tuple networks against loops over cells, and the size of a learning step by hand."""

import numpy as np
import pytest

from rlsuite.core.packed_boards import mirror, pattern_index, symmetries, transpose
from rlsuite.networks.ntuple import NTupleNetwork

PATTERNS = [(0, 1, 4), (1, 2, 5, 6)]


def boards(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    cells = np.random.default_rng(0).integers(16, size=(n, 16))
    packed = [sum(int(k) << 4 * i for i, k in enumerate(board)) for board in cells]
    return np.array(packed, dtype=np.uint64), cells


def images(board: np.ndarray) -> list[np.ndarray]:
    grid = board.reshape(4, 4)
    return [np.rot90(g, k).ravel() for g in (grid, grid.T) for k in range(4)]


def unpacked(board: int) -> list[int]:
    return [int(board) >> 4 * i & 15 for i in range(16)]


def test_symmetries_are_all_eight() -> None:
    packed, cells = boards(5)
    for i, board in enumerate(cells):
        ours = {tuple(unpacked(b)) for b in symmetries(packed)[:, i]}
        assert ours == {tuple(image) for image in images(board)}
    assert np.array_equal(mirror(mirror(packed)), packed)
    assert np.array_equal(transpose(transpose(packed)), packed)


@pytest.mark.parametrize(
    "pattern", [(0,), (0, 1, 2, 3, 4, 5), (4, 5, 6, 8, 9, 10), (3, 7, 11, 15), (1, 14, 15)]
)
def test_pattern_index_reads_the_cells(pattern: tuple[int, ...]) -> None:
    packed, cells = boards()
    expected = [sum(int(board[c]) << 4 * j for j, c in enumerate(pattern)) for board in cells]
    assert pattern_index(packed, pattern).tolist() == expected


def test_value_is_the_sum_over_patterns_and_symmetries() -> None:
    network, rng = NTupleNetwork(PATTERNS), np.random.default_rng(1)
    network.weights = [rng.normal(size=w.shape).astype(np.float32) for w in network.weights]
    packed, cells = boards()
    for value, board in zip(network(packed), cells, strict=True):
        expected = sum(
            weights[sum(int(image[c]) << 4 * j for j, c in enumerate(pattern))]
            for pattern, weights in zip(PATTERNS, network.weights, strict=True)
            for image in images(board)
        )
        assert value == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_one_step_on_a_board_without_symmetry_goes_the_whole_way() -> None:
    """16 different weights, 1/16 of the error each."""
    network, board = (
        NTupleNetwork([(0, 1, 2, 3), (4, 5, 6, 7)]),
        np.array([0xFEDCBA9876543210], dtype=np.uint64),
    )
    assert network.update(board, np.array([32.0]), 1.0) == [32.0]
    assert network(board) == pytest.approx([32.0])
    assert sorted(network.weights[0][network.weights[0] != 0]) == pytest.approx([2.0] * 8)
    assert network(transpose(mirror(board))) == pytest.approx([32.0])


def test_steps_shrink_where_errors_cancel() -> None:
    """Errors +32, then -32, scaled by |32| / 32, then +16: the sums are 0 and 64, so it does not move any more."""
    network, board = (
        NTupleNetwork([(0, 1, 2, 3), (4, 5, 6, 7)]),
        np.array([0xFEDCBA9876543210], dtype=np.uint64),
    )
    network.update(board, np.array([32.0]), 1.0)
    network.update(board, np.array([0.0]), 1.0)
    assert network(board) == pytest.approx([0.0])
    network.update(board, np.array([16.0]), 1.0)
    assert network(board) == pytest.approx([0.0])


def test_the_tree_holds_only_what_was_learned() -> None:
    network = NTupleNetwork(PATTERNS)
    packed, _ = boards(20)
    network.update(packed, np.arange(20.0), 1.0)
    tree = network.to_tree()
    assert len(tree["places1"]) <= 160
    other = NTupleNetwork(PATTERNS)
    other.update(packed[::-1] ^ np.uint64(1), np.arange(20.0), 1.0)
    other.load_tree(tree)
    assert np.array_equal(other(packed), network(packed))
    network.update(packed, np.ones(20), 0.5), other.update(packed, np.ones(20), 0.5)
    assert np.array_equal(other(packed), network(packed))
