"""Any Gymnasium env as envs: step by step what Gymnasium does, levels as arguments, exact states, clear refusals."""

import logging

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.envs.common.vec_env import SingleEnv
from rlsuite.envs.gym.making import shown_space
from rlsuite.envs.gym.task import Gym, GymVecEnv
from rlsuite.rewards.env import EnvReward

PLAIN = [
    "Pendulum-v1",
    "CartPole-v1",
    "MountainCarContinuous-v0",
    "LunarLander-v3",
    "FrozenLake-v1",
    "Blackjack-v1",
]
GRAVITY = {0.5: {"g": 12.0}, 1.0: {"g": 14.0}}


def make(id: str, n_envs: int = 2, envs: tuple[float, ...] = (0.0,), seed: int = 0, **settings) -> GymVecEnv:
    return Gym(reward=EnvReward(), id=id, **settings).vec_env(envs, n_envs, seed)


def sampled(env: GymVecEnv, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if isinstance(env.action_space, spaces.Discrete):
        return rng.integers(env.action_space.n, size=env.num_envs)
    return rng.uniform(-1, 1, (env.num_envs, *env.action_space.shape)).astype(np.float32)


@pytest.mark.parametrize("id", PLAIN)
def test_envs_are_gymnasiums_envs(id: str) -> None:
    """Each episode is that of Gymnasium's reset with the index's seed; what ends is shown, and begins anew."""
    env = make(id, max_steps=60)
    seen, peers = env.reset(), [gymnasium.make(id, max_episode_steps=60) for _ in range(2)]
    flat = peers[0].observation_space
    expected = [peer.reset(seed=int(seed))[0] for peer, seed in zip(peers, env.seeds, strict=True)]
    ends = 0
    for step in range(130):
        for index in range(2):
            assert np.array_equal(seen[index], spaces.flatten(flat, expected[index]))
        actions = sampled(env, step)
        seen, rewards, dones, infos = env.step(actions)
        for index, peer in enumerate(peers):
            action = int(actions[index]) if actions.ndim == 1 else actions[index]
            expected[index], reward, terminated, truncated, _ = peer.step(action)
            assert rewards[index] == np.float32(reward)
            assert dones[index] == (terminated or truncated)
            assert infos[index]["TimeLimit.truncated"] == (truncated and not terminated)
            if dones[index]:
                ends += 1
                last = spaces.flatten(flat, expected[index])
                assert np.array_equal(infos[index]["terminal_observation"], last)
                expected[index] = peer.reset(seed=int(env.seeds[index]))[0]
    assert ends >= 2


@pytest.mark.parametrize("id", [*PLAIN, "BipedalWalker-v3"])
def test_state_round_trip_continues_exactly(id: str) -> None:
    first, second = (make(id, 3, seed=seed, max_steps=40) for seed in (1, 2))
    first.reset()
    for step in range(55):
        first.step(sampled(first, step))
    second.set_state(first.get_state())
    for step in range(60):
        actions = sampled(first, 1000 + step)
        a, b = first.step(actions), second.step(actions)
        assert all(np.array_equal(one, other) for one, other in zip(a[:3], b[:3], strict=True))


def test_state_before_the_first_episode() -> None:
    first, second = make("CartPole-v1"), make("CartPole-v1")
    second.set_state(first.get_state())
    first._reset_seeds()  # pending seeds are no part of the state
    assert np.array_equal(first.reset(), second.reset())


def test_levels_are_arguments_of_the_constructor() -> None:
    env = make("Pendulum-v1", 6, (0.0, 0.5, 1.0), levels=GRAVITY, arguments={"g": 9.0})
    assert [index.unwrapped.g for index in env.envs] == [9.0, 12.0, 14.0] * 2
    single = SingleEnv(make("Pendulum-v1", 1, levels=GRAVITY))
    check_env(single, skip_render_check=True)
    single.reset(options={"level": 0.5})
    assert single.vec_env.envs[0].unwrapped.g == 12.0


def test_a_resumed_env_has_the_level_of_its_episode() -> None:
    """The level changes by the next reset; until then the episode that was begun continues."""
    first, second = (make("Pendulum-v1", 2, (0.0, 1.0), levels=GRAVITY) for _ in range(2))
    first.reset()
    first.env_levels[:] = 0.5
    second.set_state(first.get_state())
    assert [env.unwrapped.g for env in second.envs] == [10.0, 14.0]
    second.reset()
    assert [env.unwrapped.g for env in second.envs] == [12.0, 12.0]


def test_starts_can_be_repeated() -> None:
    env = make("Pendulum-v1", 3)
    seen = env.restart([5, 5, 6])
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


REFUSED = {
    "env.id=Pendulm-v1": "env.id=Pendulm-v1: Gymnasium knows no such env; did you mean Pendulum-v1?",
    "evaluation.levels=[0,0.5]": "level 0.5 is not defined; take 0, or say by env.levels={0.5: {...}}",
    "env.levels={0.5:{gg:12}}": "unexpected keyword argument 'gg'",
    "env.levels={1.5:{g:12}}": "env.levels: a level is a number in [0, 1], not 1.5",
    "env.id=elsewhere:Own-v0": "the package elsewhere is not allowed; add it to the environment variable RLSUITE_PACKAGES",
}


@pytest.mark.parametrize("line", REFUSED)
def test_mistakes_are_refused_before_anything_is_built(line: str) -> None:
    problems = find_problems(compose(["env=gym", *line.split()]))
    assert len(problems) == 1 and REFUSED[line] in problems[0]


def test_levels_from_the_command_line() -> None:
    cfg = compose(["env=gym", "env.levels={0.5:{g:12}}", "evaluation.levels=[0,0.5]"])
    assert not find_problems(cfg)
    env = build(cfg.env, reward=EnvReward()).vec_env([0.5], 1, 0)
    assert env.envs[0].unwrapped.g == 12
    with pytest.raises(UserError, match=r"level 0\.25 is not defined; take 0, 0\.5"):
        build(cfg.env, reward=EnvReward()).vec_env([0.25], 1, 0)


def test_kinds_are_the_envs_own() -> None:
    assert (
        "algo=dqn with env=gym: the env takes box actions"
        in find_problems(compose(["env=gym", "algo=dqn"]))[0]
    )
    assert not find_problems(compose(["env=gym", "env.id=CartPole-v1", "algo=dqn"]))
    (problem,) = find_problems(compose(["env=gym", "algo.network=nature"]))
    assert "the env gives vector ones" in problem
    assert not find_problems(compose(["env=gym", "env.id=CarRacing-v3", "algo.network=nature"]))
    with pytest.raises(UserError, match="no arrays of one size"):
        shown_space(spaces.Sequence(spaces.Discrete(2)), 1)


class Own(gymnasium.Env):
    """Counts its steps in a picture; with ``luck`` the picture is drawn from a generator nobody seeds."""

    action_space = spaces.Discrete(2, start=1)
    observation_space = spaces.Box(0, 255, (40, 48, 3), np.uint8)
    drawn = np.random.default_rng()

    def __init__(self, luck: bool = False) -> None:
        self.luck = luck

    def picture(self) -> np.ndarray:
        return np.full((40, 48, 3), self.drawn.integers(256) if self.luck else self.steps, np.uint8)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        self.steps = 1
        return self.picture(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        assert self.action_space.contains(action)
        self.steps += 1
        return self.picture(), float(action), self.steps == 5, False, {"is_success": True}


@pytest.fixture
def own():
    gymnasium.register("Own-v0", Own)
    yield "Own-v0"
    del gymnasium.registry["Own-v0"]


def test_pictures_are_channels_first_and_stacked(own: str) -> None:
    """Newest last; zeros before the first frame; discrete actions count from 0 whatever the env's do."""
    env = make(own, 2, frame_stack=3)
    seen = env.reset()
    assert seen.shape == (2, 9, 40, 48) and env.action_space.start == 0
    assert [int(seen[0, 3 * i, 0, 0]) for i in range(3)] == [0, 0, 1]
    kept = seen.copy()
    for _ in range(4):
        after, rewards, dones, infos = env.step(np.array([0, 1]))
        assert rewards.tolist() == [1.0, 2.0]
    assert np.array_equal(seen, kept)
    assert dones.all() and infos[0]["is_success"] and not infos[0]["TimeLimit.truncated"]
    assert [int(infos[1]["terminal_observation"][3 * i, 0, 0]) for i in range(3)] == [3, 4, 5]
    assert [int(after[0, 3 * i, 0, 0]) for i in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("luck", [False, True])
def test_an_env_that_cannot_be_replayed_says_so(
    own: str, luck: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (make(own, 8, arguments={"luck": luck}) for _ in range(2))
    first.reset()
    first.step(np.zeros(8, dtype=int))
    with caplog.at_level(logging.WARNING):
        second.set_state(first.get_state())
    assert ("Own-v0 is not deterministic" in caplog.text) == luck
