"""Sequences that teach: free flight by hand, rewards under their right names, the pictures of the positions."""

import numpy as np
import pytest

from rlsuite.representation import sprites
from rlsuite.representation.trajectories import REWARDS, trajectories


def test_rewards_have_their_right_names() -> None:
    """Index 0 is the row: y, vertical; index 1 the column: x, horizontal. The starter code swaps the last two."""
    positions = np.array([[[0.2, 0.3], [0.5, 0.7]]])  # agent (row, column), target
    paid = {name: float(reward(positions)[0]) for name, reward in REWARDS.items()}
    assert paid == pytest.approx(
        {
            "agent_x": 0.3,
            "agent_y": 0.2,
            "target_x": 0.7,
            "target_y": 0.5,
            "horizontal": 0.3,
            "vertical": 0.2,
            "follow": 1 - 0.5 / 2**0.5,
        }
    )


def test_pictures_and_rewards_are_those_of_the_positions() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([0, 1, 2, 2])
    batch = trajectories(rng, counts, frames=3, steps=5, rewards=["agent_y", "target_x"])
    assert batch.pictures.shape == (4, 3, 64, 64) and batch.rewards.shape == (4, 5, 2)
    assert np.allclose(batch.rewards[..., 0], batch.positions[:, 3:, 0, 0])
    assert np.allclose(batch.rewards[..., 1], batch.positions[:, 3:, 1, 1])
    for i in range(4):
        for t in range(3):
            row, column = (batch.positions[i, t, 0] * 63).astype(int)
            box = batch.pictures[i, t, row - 6 : row + 6, column - 6 : column + 6]
            assert (box[sprites.stencil("circle", 12)] == 255).all()
    lit = (batch.pictures > 0).sum(axis=(1, 2, 3)) / 3
    assert lit[0] <= 149 and lit[1:].max() <= 149 + 120


def test_every_sprite_flies_straight_between_the_walls() -> None:
    batch = trajectories(np.random.default_rng(1), np.full(50, 2), frames=1, steps=29, rewards=["follow"])
    assert ((batch.positions >= 0.1) & (batch.positions <= 0.9)).all()
    moved = np.diff(batch.positions, axis=1)
    assert np.abs(moved).max() <= 0.05
    straight = np.isclose(moved[:, 1:], moved[:, :-1])
    assert 0.8 < straight.mean() < 1


def test_a_later_draw_does_not_depend_on_an_earlier_ones_frames() -> None:
    """The same stream gives the same flights, however many of their frames are drawn."""
    few, many = (trajectories(np.random.default_rng(3), np.full(4, 1), n, 12 - n, ["follow"]) for n in (2, 7))
    assert np.array_equal(few.positions, many.positions)
    assert np.array_equal(few.pictures, many.pictures[:, :2])
