"""The envs are Gymnasium's CartPole at level 0, and the physics the level says elsewhere."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlsuite.envs.cartpole import CartPole, CartPoleLevel, dynamics
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.rewards.env import EnvReward


@pytest.fixture
def task() -> CartPole:
    return CartPole(reward=EnvReward())


def test_level_zero_equals_gymnasium_bit_for_bit(task: CartPole) -> None:
    envs = task.vec_env([0.0], n_envs=3, seed=5)
    peers = [gym.make("CartPole-v1") for _ in range(3)]
    observations = envs.reset()
    expected = np.stack([env.reset(seed=5 + i)[0] for i, env in enumerate(peers)])
    rng = np.random.default_rng(0)
    for _ in range(600):
        assert np.array_equal(observations, expected)
        actions = rng.integers(2, size=3)
        observations, rewards, dones, infos = envs.step(actions)
        for i, env in enumerate(peers):
            expected[i], reward, terminated, truncated, _ = env.step(int(actions[i]))
            assert rewards[i] == reward
            assert dones[i] == (terminated or truncated)
            if dones[i]:
                assert np.array_equal(infos[i]["terminal_observation"], expected[i])
                expected[i] = env.reset()[0]


def test_time_limit_is_a_truncation(task: CartPole) -> None:
    task.max_steps = 4
    envs = task.vec_env([0.0], n_envs=2, seed=0)
    envs.reset()
    for step in range(4):
        _, _, dones, infos = envs.step(np.array([step % 2] * 2))
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)


def test_level_one_by_hand() -> None:
    """At rest, upright, pushed with 10 N: temp = F/M, the angular and linear accelerations follow."""
    after = dynamics(np.zeros((1, 4)), np.array([10.0]), CartPoleLevel.at(1.0))
    push = 10 / 2.1
    theta_acc = -push / (1.0 * (4 / 3 - 0.1 / 2.1))
    x_acc = push - 0.1 * theta_acc / 2.1
    assert np.allclose(after, [[0, 0.02 * x_acc, 0, 0.02 * theta_acc]], atol=1e-12)


def test_env_i_plays_level_i(task: CartPole) -> None:
    envs = task.vec_env([0.0, 0.25, 0.5], n_envs=6, seed=0)
    assert envs.env_levels.tolist() == [0.0, 0.25, 0.5] * 2


@pytest.mark.parametrize("levels", [[], [-0.1], [1.5]])
def test_impossible_levels_are_refused(task: CartPole, levels: list[float]) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        task.vec_env(levels, n_envs=2, seed=0)


def test_state_round_trip_continues_exactly(task: CartPole) -> None:
    first, second = (task.vec_env([0.0, 1.0], n_envs=4, seed=s) for s in (1, 2))
    first.reset(), second.reset()
    rng = np.random.default_rng(0)
    for _ in range(30):
        first.step(rng.integers(2, size=4))
    second.set_state(first.get_state())
    for _ in range(80):
        actions = rng.integers(2, size=4)
        a, b = first.step(actions), second.step(actions)
        assert np.array_equal(a[0], b[0])
        assert np.array_equal(a[2], b[2])


def test_single_env_passes_gymnasiums_check(task: CartPole) -> None:
    env = SingleEnv(task.vec_env([0.0], n_envs=1, seed=0))
    check_env(env, skip_render_check=True)
    env.reset(options={"level": 1.0})
    assert env.vec_env.env_levels.tolist() == [1.0]


def test_wide_ranges_are_the_papers() -> None:
    """Level .5: all within the "random" ranges; level 1: within the "extreme" ones and outside the "random" ones."""
    random = {"force": (5, 15), "length": (0.25, 0.75), "mass_pole": (0.05, 0.5)}
    extreme = {"force": (1, 20), "length": (0.05, 1), "mass_pole": (0.01, 1)}
    draws = np.random.default_rng(0).random((500, 3))
    half, whole = ([CartPoleLevel.drawn(level, row) for row in draws] for level in (0.5, 1.0))
    for name in random:
        (low, high), (lowest, highest) = random[name], extreme[name]
        values = np.array([getattr(level, name) for level in half])
        assert ((low <= values) & (values <= high)).all()
        assert values.std() > 0.2 * (high - low)
        values = np.array([getattr(level, name) for level in whole])
        assert ((lowest <= values) & (values <= highest) & ~((low < values) & (values < high))).all()
        assert ((values < low).any(), (values > high).any()) == (True, True)
    assert CartPoleLevel.drawn(0.0, draws[0]) == CartPoleLevel()


def test_wide_draws_anew_each_episode_and_resumes() -> None:
    task = CartPole(reward=EnvReward(), shift="wide")
    first, second = (task.vec_env([1.0], n_envs=3, seed=s) for s in (1, 2))
    first.reset(), second.reset()
    bodies = first.bodies.copy()
    for step in range(100):
        first.step(np.full(3, step % 2))
    assert (first.bodies != bodies)[3].any()
    second.set_state(first.get_state())
    for step in range(100):
        a, b = first.step(np.full(3, step % 2)), second.step(np.full(3, step % 2))
        assert np.array_equal(a[0], b[0])


def test_positions_are_the_state_without_its_speeds(task: CartPole) -> None:
    hidden = CartPole(reward=EnvReward(), observation="positions")
    whole, part = task.vec_env([0.0, 1.0], 4, seed=3), hidden.vec_env([0.0, 1.0], 4, seed=3)
    assert np.array_equal(whole.reset()[:, [0, 2]], part.reset())
    for step in range(40):
        actions = np.full(4, step % 2)
        assert np.array_equal(whole.step(actions)[0][:, [0, 2]], part.step(actions)[0])
    assert part.observation_space.contains(part.step(np.zeros(4, int))[0][0])
