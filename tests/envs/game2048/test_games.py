"""Finished games of 2048: statistics by hand, milestones, the game as text and as a picture."""

from itertools import pairwise

import numpy as np
import pytest

from rlsuite.algos.random import Random
from rlsuite.config.settings import compose_settings
from rlsuite.envs.game2048 import board as b
from rlsuite.envs.game2048 import games as games
from rlsuite.envs.game2048.task import Game2048
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.experiment.run import run
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.techniques.baseline import Baseline

PLAYED = {
    "score": [1000, 3000, 20000, 4000],
    "highest": [128, 256, 2048, 512],
    "illegal_moves": [1, 0, 0, 2],
    "lengths": [100, 200, 400, 300],
}


def board(*cells: int) -> int:
    return int(b.pack([[*cells, *[0] * (16 - len(cells))]])[0])


@pytest.fixture
def task() -> Game2048:
    return Game2048(reward=MergeScore())


@pytest.fixture
def agent(task: Game2048) -> Random:
    return Random(task=task, technique=Baseline(), seed=0)


def test_statistics_by_hand() -> None:
    found = games.statistics(PLAYED)
    assert (found["games"], found["mean_score"], found["median_score"]) == (4, 7000, 3500)
    assert found["share_with"] == {"512": 0.5, "1024": 0.25, "2048": 0.25, "4096": 0.0, "8192": 0.0}
    assert found["highest"] == {"128": 1, "256": 1, "512": 1, "2048": 1}
    assert found["illegal_rate"] == 0.003
    assert found["mean_length"] == 250


def test_summary_has_a_line_a_policy(task: Game2048) -> None:
    line = task.summary({"learned": PLAYED, "random": PLAYED}).splitlines()[1].split()
    assert line[:8] == ["learned", "7,000", "3,500", "50%", "25%", "25%", "0%", "0.3%"]
    assert line[8:] == ["128:", "1,", "256:", "1,", "512:", "1,", "2048:", "1"]


def test_milestones_are_where_the_highest_tile_grew_and_the_end() -> None:
    boards = [board(1, 1), board(2), board(2, 1), board(3), board(3, 2), board(3, 2, 1)]
    assert games.milestones(boards) == [0, 1, 3, 5]
    long = [board(k // 2 + 1) for k in range(22)]
    assert games.milestones(long) == [12, 14, 16, 18, 20, 21]


def test_a_wall_is_no_tile_but_32768_is() -> None:
    walled, free = [board(15, 1), board(15, 2)], [board(14, 14), board(15)]
    assert games.milestones(walled) == [0, 1]
    assert "#" in games.transcript(walled)
    assert "32768" in games.transcript(free)
    assert "#" not in games.transcript(free)


def test_a_played_game_is_one_of_the_env_move_by_move(task: Game2048, agent: Random) -> None:
    np.random.seed(0)
    boards = games.play_game(task, agent, level=1.0, seed=3)
    assert not b.legal(np.array(boards[-1:], dtype=np.uint64)).any()
    for before, after in pairwise(boards):
        pushed = b.afterstates(np.array([before], dtype=np.uint64))[0][0]
        new = [after ^ int(p) for p in pushed if int(p) & ~after == 0 and int(p) != before]
        assert any(n.bit_count() == 1 for n in new)  # a push, and then one tile, a 2 or a 4, more


def test_transcript_shows_the_boards() -> None:
    text = games.transcript([board(1, 1), board(2, 0, 0, 1)]).splitlines()
    assert text[0] == "move 0"
    assert text[1].split() == ["2", "2", ".", "."]
    assert text[5:7] == ["move 1", "    4     .     .     2"]


def test_the_strip_is_an_rgb_picture_with_a_board_a_milestone() -> None:
    picture = games.filmstrip([board(1, 1), board(2), board(3)])
    assert picture.dtype == np.uint8
    assert picture.shape == (225, 3 * 198, 3)
    thirds = picture.reshape(225, 3, 198, 3)
    assert not np.array_equal(thirds[:, 0], thirds[:, 2])


def test_a_run_leaves_its_game_as_a_picture_and_games_play_as_the_summary_needs(
    task: Game2048, agent: Random, tmp_path
) -> None:
    cfg = compose_settings(
        ["env=game2048", "algo=random", "total_steps=8", "evaluation.episodes=2", "evaluation.levels=[0.0]"]
    )
    assert run(cfg, tmp_path).status == "completed"
    assert (tmp_path / "pictures" / "game.png").stat().st_size > 1000
    played = play_episodes(agent, task.vec_env([0.0], 4, 0), 4, deterministic=True, seed=0)
    assert games.statistics(played)["games"] == 4
