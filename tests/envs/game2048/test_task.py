"""2048 as a task: envs equal single envs, what ends a game, what a level means, exact state."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlsuite.config.settings import compose_settings
from rlsuite.core.errors import UserError
from rlsuite.envs.common import counter_rng
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.envs.game2048 import board as b
from rlsuite.envs.game2048.task import Game2048, Game2048Level, new_boards, new_tile
from rlsuite.experiment.run import run
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.rewards.shaped import Shaped


@pytest.fixture
def task() -> Game2048:
    return Game2048(reward=MergeScore())


def chequered(last: int = 1) -> np.ndarray:
    cells = np.indices((4, 4)).sum(axis=0).ravel() % 2 + 1
    cells[15] = last
    return b.pack(cells[None])


def test_envs_equal_single_envs(task: Game2048) -> None:
    levels = [0.0, 1.0]
    envs = task.vec_env(levels, n_envs=6, seed=5)
    singles = [SingleEnv(task.vec_env([levels[i % 2]], 1, seed=5 + i)) for i in range(6)]
    observations = envs.reset()
    for i, single in enumerate(singles):
        assert np.array_equal(observations[i], single.reset(seed=5 + i)[0])
    rng = np.random.default_rng(0)
    for _ in range(300):
        actions = rng.integers(4, size=6)
        observations, rewards, dones, infos = envs.step(actions)
        for i, single in enumerate(singles):
            observation, reward, terminated, truncated, info = single.step(actions[i])
            assert (reward, terminated or truncated) == (rewards[i], dones[i])
            assert info.items() <= infos[i].items()
            if dones[i]:
                assert np.array_equal(infos[i]["terminal_observation"], observation)
                observation = single.reset()[0]
            assert np.array_equal(observation, observations[i])


def test_single_env_passes_gymnasiums_check(task: Game2048) -> None:
    check_env(SingleEnv(task.vec_env([0.0], n_envs=1, seed=0)), skip_render_check=True)


def test_state_round_trip_continues_exactly(task: Game2048) -> None:
    first, second = (task.vec_env([0.0, 1.0], n_envs=4, seed=s) for s in (1, 2))
    first.reset(), second.reset()
    rng = np.random.default_rng(0)
    for step in range(200):
        if step == 50:
            second.set_state(first.get_state())
        actions = rng.integers(4, size=4)
        a, c = first.step(actions), second.step(actions)
        if step >= 50:
            assert np.array_equal(a[0], c[0])
            assert [str(i) for i in a[3]] == [str(i) for i in c[3]]


def test_reset_gives_two_tiles_and_observations_show_the_board(task: Game2048) -> None:
    env = task.vec_env([0.0, 1.0], n_envs=64, seed=0)
    observations = env.reset()
    assert observations.shape == (64, 16, 4, 4)
    assert np.array_equal(observations.sum(axis=1), np.ones((64, 4, 4)))
    cells = observations.argmax(axis=1).reshape(64, 16)
    assert np.isin(cells, [0, 1, 2, b.WALL]).all()
    assert (((cells > 0) & (cells < b.WALL)).sum(axis=1) == 2).all()
    assert ((cells == b.WALL).sum(axis=1) == np.tile([0, 1], 32)).all()
    assert np.array_equal(task.boards(observations), env.boards)
    assert np.array_equal(task.legal_actions(observations), env.legal())


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_level_is_the_probability_of_a_four_and_past_the_middle_a_wall(task: Game2048, level: float) -> None:
    env = task.vec_env([level], n_envs=4000, seed=0)
    env.reset()
    new = b.unpack(env.boards ^ env.walls)
    share = (new == 2).sum() / (new > 0).sum()
    assert share == pytest.approx(Game2048Level.at(level).four, abs=0.02)
    assert (env.walls > 0).all() == Game2048Level.at(level).blocked
    if level > 0.5:  # every cell is blocked somewhere
        assert len(set(env.walls.tolist())) == 16


def test_new_tiles_fall_on_every_empty_cell_alike(task: Game2048) -> None:
    env = task.vec_env([0.0], n_envs=8000, seed=0)
    env.reset()
    cells = np.tile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0], (8000, 1))
    tile, empty = new_tile(counter_rng.bits_of(env.keys, env.drawn), b.pack(cells), np.full(8000, 0.1))
    assert (empty == 4).all()
    counts = (b.unpack(tile)[:, 12:] > 0).sum(axis=0)
    assert counts.sum() == 8000
    assert np.allclose(counts / 8000, 0.25, atol=0.02)


def test_first_tiles_lie_on_the_nth_free_cells() -> None:
    bits = counter_rng.bits_of(counter_rng.key(1), np.arange(3 * 500, dtype=np.uint64)).reshape(3, 500)
    level = Game2048Level.at(np.repeat([0.0, 1.0], 250))
    boards, walls = new_boards(bits, level)
    for i, (board, wall) in enumerate(zip(b.unpack(boards), b.unpack(walls), strict=True)):
        free = list(range(16))
        if level.blocked[i]:
            assert wall[free.pop(int(bits[0, i]) >> 32 >> 28)] == b.WALL
        for draw in bits[1:, i].tolist():
            cell = free.pop((draw >> 32) * len(free) >> 32)
            assert board[cell] == 1 + ((draw & 0xFFFFFFFF) / 2**32 < level.four[i])
        assert np.count_nonzero(board) == 2 + level.blocked[i] and np.count_nonzero(wall) == level.blocked[i]


def test_draws_are_a_function_of_seed_and_number() -> None:
    keys = np.array([counter_rng.key(7), counter_rng.key(8)])
    numbers = np.array([3, 0], dtype=np.uint64)
    both = counter_rng.bits_of(keys, numbers)
    assert both[0] == counter_rng.bits_of(keys[:1], numbers[:1])[0]
    many = counter_rng.in_unit_interval(
        counter_rng.bits_of(np.full(50_000, keys[0]), np.arange(50_000, dtype=np.uint64))
    )
    assert np.allclose(np.histogram(many, 10, (0, 1))[0] / 5000, 1, atol=0.07)


def test_illegal_moves_change_nothing_cost_and_end_the_game_after_five(task: Game2048) -> None:
    env = task.vec_env([0.0], n_envs=1, seed=0)
    env.reset()
    env.boards[:] = b.pack([[1, 2, 3, 4] + [0] * 12])
    before = env.boards.copy()
    for i in range(1, 6):
        _, rewards, dones, infos = env.step(np.array([b.UP]))
        assert rewards[0] == -2.0
        assert infos[0]["illegal_moves"] == i
        assert dones[0] == (i == 5)
        if i < 5:
            assert env.boards == before
    assert infos[0]["metrics"]["illegal_rate"] == 1.0
    assert env.illegal_moves[0] == env.illegal_run[0] == 0


def test_a_legal_move_forgives_the_illegal_ones(task: Game2048) -> None:
    env = task.vec_env([0.0], n_envs=1, seed=0)
    env.reset()
    env.boards[:] = b.pack([[1, 2, 3, 4] + [0] * 12])
    env.step(np.array([b.UP]))
    assert env.illegal_run[0] == 1
    env.step(np.array([b.DOWN]))
    assert env.illegal_run[0] == 0
    assert env.illegal_moves[0] == 1


def test_a_game_ends_when_no_move_is_left(task: Game2048) -> None:
    """One gap; whatever falls into it beside 8 and 16 cannot merge."""
    env = task.vec_env([0.0], n_envs=1, seed=0)
    env.reset()
    env.boards[:] = b.pack([[3, 4, 3, 4, 4, 3, 4, 3, 3, 4, 3, 4, 3, 4, 3, 0]])
    _, _, dones, infos = env.step(np.array([b.RIGHT]))
    assert dones[0]
    assert infos[0]["metrics"]["highest"] == 16
    assert not infos[0]["is_success"]


def test_a_game_ends_at_the_chosen_tile_which_no_wall_is_taken_for() -> None:
    task = Game2048(reward=MergeScore(), max_tile=16)
    env = task.vec_env([1.0], n_envs=1, seed=0)
    env.reset()
    env.walls[:] = b.pack([[15] + [0] * 15])
    env.boards[:] = b.pack([[15, 2, 2, 0, 3, 3, 0, 0] + [0] * 8])
    _, rewards, dones, infos = env.step(np.array([b.LEFT]))
    assert (rewards[0], infos[0]["score"], infos[0]["highest"]) == (24.0, 24, 16)
    assert dones[0]
    assert SingleEnv(task.vec_env([1.0], 1, 0)).reset(seed=3)[0].shape == (16, 4, 4)


def test_info_holds_the_seeds_entries() -> None:
    env = Game2048(reward=Shaped()).vec_env([0.0], n_envs=2, seed=0)
    env.reset()
    _, rewards, _, infos = env.step(np.array([b.LEFT, b.UP]))
    parts = ("combine_reward", "row_reward", "col_reward", "empty_cell_reward")
    assert {"score", "highest", "illegal_moves", *parts} <= infos[0].keys()
    for i in range(2):
        if not infos[i]["illegal_moves"]:
            assert rewards[i] == pytest.approx(sum(infos[i][part] for part in parts))


def test_a_turned_game_is_the_same_game_seen_from_another_side() -> None:
    """Moves translated to what is seen lead to the same tiles, points and end; the largest corner is the last."""
    task = Game2048(reward=MergeScore(), turned=True)
    env = task.vec_env([0.0, 1.0], n_envs=200, seed=0)
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(60):
        before, walls = env.boards.copy(), env.walls.copy()
        moved, gain = b.push_boards(before, actions := rng.integers(4, size=200))
        _, rewards, dones, _ = env.step(actions)
        assert np.array_equal(rewards, np.where(moved == before, -2.0, gain))
        going = ~dones
        cells = b.unpack(env.boards)
        assert (cells[:, 15] == cells[:, [0, 3, 12, 15]].max(axis=1)).all()
        assert (b.highest(env.walls) == b.highest(env.walls & env.boards)).all()
        new = np.sort(cells, axis=1).sum(axis=1) - b.unpack(moved).sum(axis=1)
        assert np.isin(new[going & (moved != before)], [1, 2]).all()
        assert (new[going & (moved == before)] == 0).all()
        assert np.array_equal(b.highest(walls)[going], b.highest(env.walls)[going])


@pytest.mark.parametrize("tile", [9, 100, 65536])
def test_only_powers_of_two_are_tiles(tile: int) -> None:
    with pytest.raises(UserError, match="power of two"):
        Game2048(reward=MergeScore(), max_tile=tile)


def test_the_progress_line_shows_the_highest_tile(tmp_path, capsys) -> None:
    cfg = compose_settings(
        [
            "env=game2048",
            "algo=td_ntuple",
            "algo.patterns=[[0,1,2]]",
            "algo.n_envs=32",
            "total_steps=20000",
            "evaluation.episodes=2",
            "evaluation.levels=[0]",
        ]
    )
    result = run(cfg, tmp_path)
    assert "highest=" in capsys.readouterr().err
    assert {"score", "highest", "illegal_rate", "success"} <= result.levels[0]["greedy"].keys()
