"""The envs are the package's Dynamic-Obstacles, step by step; every ball stands at every level."""

import numpy as np
import pytest
from minigrid.envs import DynamicObstaclesEnv

from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.envs.minigrid import BALL, PAD, WIDTH, MiniGrid, MiniGridLevel, MiniGridVecEnv
from rlsuite.rewards.env import EnvReward

LEVELS = [0.0, 0.25, 0.5, 0.75, 1.0]


def make(levels: list[float], n_envs: int, seed: int = 0, **settings: object) -> MiniGridVecEnv:
    return MiniGrid(reward=EnvReward(), **settings).vec_env(levels, n_envs, seed)


def index(position: tuple[int, int]) -> int:
    return (int(position[0]) + PAD) * WIDTH + int(position[1]) + PAD


class Crowded(DynamicObstaclesEnv):
    """The package's env with as many balls as asked for."""

    def __init__(self, size: int, n_obstacles: int) -> None:
        super().__init__(size=size, n_obstacles=2)
        self.n_obstacles = n_obstacles


class Following(MiniGridVecEnv):
    """One env whose balls go where the package's went; the move must be one of those that are free."""

    peer: Crowded

    def _destination(self, ball, envs, near, free, bits):
        target = index(self.peer.obstacles[ball].cur_pos)
        if free.any():
            assert target in near[0][free[0]]
        else:
            assert target == near[0][4]
        return np.array([target])


@pytest.mark.parametrize("level", LEVELS)
def test_equals_the_package_step_by_step(level: float) -> None:
    size, obstacles = int(MiniGridLevel.at(level).size), int(MiniGridLevel.at(level).obstacles)
    peer, env = (
        Crowded(size, obstacles),
        Following(MiniGrid(reward=EnvReward(), observation="raw"), [level], 1),
    )
    env.peer = peer
    rng, outcomes = np.random.default_rng(0), []
    for seed in range(30):
        seen, _ = peer.reset(seed=seed)
        env._start(np.array([0]))
        env.cells[env.cells == BALL] = 1
        env.obstacles[0, :obstacles] = [index(ball.cur_pos) for ball in peer.obstacles]
        env.cells[0, env.obstacles[0, :obstacles]] = BALL
        done = False
        while not done:
            assert np.array_equal(env._observe()[0], [*seen["image"][:, :, 0].ravel(), seen["direction"]])
            ahead = peer.grid.get(*peer.front_pos)
            careful = rng.random() < 0.95 and ahead is not None and ahead.type != "goal"
            action = int(rng.integers(2 if careful else 3))
            # the package moves its balls first, on its own stream; ours follow
            seen, reward, terminated, truncated, _ = peer.step(action)
            ours = env._advance(np.array([action]))
            assert ours[0][0] == pytest.approx(reward, abs=1e-12)
            assert (ours[1][0], ours[2][0]) == (terminated, truncated)
            assert env.agent[0] == index(peer.agent_pos)
            done = terminated or truncated
        assert np.array_equal(env._observe()[0], [*seen["image"][:, :, 0].ravel(), seen["direction"]])
        outcomes.append(int(env.outcome[0]))
    assert {0, 1} <= set(outcomes)


def test_sizes_balls_and_limits_of_the_levels() -> None:
    assert MiniGridLevel.at(np.array(LEVELS)).size.tolist() == [6, 8, 9, 11, 12]
    assert MiniGridLevel.at(np.array(LEVELS)).obstacles.tolist() == [2, 4, 5, 7, 8]
    env = make(LEVELS, 5)
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(300):
        assert (env.cells == BALL).sum(axis=1).tolist() == [2, 4, 5, 7, 8]
        assert env.limit.tolist() == [144, 256, 324, 484, 576]
        env.step(rng.integers(3, size=5))


def test_balls_move_to_every_free_neighbour_alike() -> None:
    """A ball in the open, the agent far away: 8 cells, 1/8 each."""
    env = make([1.0], 2000)
    env.reset()
    start = index((6, 6))
    env.cells[env.cells == BALL] = 1
    env.count[:], env.obstacles[:, 0] = 1, start
    env.cells[:, start] = BALL
    env._wander()
    _, counts = np.unique(env.obstacles[:, 0], return_counts=True)
    assert len(counts) == 8
    assert counts.min() > 250 - 5 * 15  # 5 standard deviations


def test_one_hot_says_the_same_as_raw() -> None:
    raw, onehot = make([0.5], 3, observation="raw"), make([0.5], 3, observation="onehot")
    numbers, flags = raw.reset(), onehot.reset()
    for step in range(40):
        kinds = np.array([1, 2, 6, 8])[flags[:, :196].reshape(3, 49, 4).argmax(axis=2)]
        assert np.array_equal(kinds, numbers[:, :49])
        assert np.array_equal(flags[:, 196:].argmax(axis=1), numbers[:, 49])
        assert (flags.sum(axis=1) == 50).all()
        numbers, flags = raw.step(np.full(3, step % 3))[0], onehot.step(np.full(3, step % 3))[0]


def test_max_steps_and_rates() -> None:
    env = make([0.0, 1.0], 2, max_steps=100)
    env.reset()
    for _ in range(100):
        _, rewards, dones, infos = env.step(np.zeros(2, dtype=int))
    assert dones.all()
    assert infos[0]["TimeLimit.truncated"]
    assert infos[0]["metrics"] == {"success_rate": 0.0, "collision_rate": 0.0, "timeout_rate": 1.0}
    assert rewards.tolist() == [0.0, 0.0]
    env.step(np.zeros(2, dtype=int))
    _, rewards, dones, infos = env.step(np.full(2, 2))  # from the corner, facing up: into the wall
    assert dones.all()
    assert rewards.tolist() == [-1.0, -1.0]
    assert infos[0]["metrics"]["collision_rate"] == 1.0


def test_state_round_trip_and_envs_are_independent() -> None:
    first, second, alone = make([0.0, 1.0], 4, 1), make([0.0, 1.0], 4, 2), make([0.0], 1, 3)
    first.reset(), second.reset()
    single = alone.reset()
    rng = np.random.default_rng(0)
    for _ in range(50):
        first.step(rng.integers(3, size=4))
    second.set_state(first.get_state())
    for _ in range(300):
        actions = rng.integers(3, size=4)
        a, b = first.step(actions), second.step(actions)
        assert np.array_equal(a[0], b[0])
        assert np.array_equal(a[1], b[1])
    many = make([0.0], 3, 1)  # its third env has seed 3
    together = many.reset()
    for _ in range(300):
        assert np.array_equal(together[2], single[0])
        actions = rng.integers(3, size=3)
        together, single = many.step(actions)[0], alone.step(actions[2:])[0]


def test_single_env_is_a_gymnasium_env() -> None:
    env = SingleEnv(make([0.0], 1))
    first, _ = env.reset(seed=4, options={"level": 1.0})
    again, _ = env.reset(seed=4)
    assert np.array_equal(first, again)
    assert env.observation_space.contains(first)


@pytest.mark.parametrize("level", [-0.1, 1.01])
def test_levels_outside_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        make([level], 1)


def test_score_range_is_doing_nothing_and_the_shortest_way() -> None:
    task = MiniGrid(reward=EnvReward())
    assert task.score_range(0.0) == (
        0.0,
        pytest.approx(1 - 0.9 * 7 / 144),
    )  # 6x6: three cells on, a turn, three cells down
    assert task.score_range(1.0) == (0.0, pytest.approx(1 - 0.9 * 19 / 576))
    assert MiniGrid(reward=EnvReward(), max_steps=100).score_range(0.0)[1] == pytest.approx(1 - 0.9 * 0.07)
