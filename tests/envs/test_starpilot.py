"""Procgen's native envs as envs: its own frames and rewards, stacked; levels; exact states."""

from collections import deque

import numpy as np
import pytest

pytest.importorskip("procgen")

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.envs.procgen import vec_env
from rlsuite.envs.procgen.vec_env import ProcgenVecEnv, native, variants
from rlsuite.envs.starpilot import StarPilot
from rlsuite.rewards.env import EnvReward


def make(levels: list[float], n_envs: int, seed: int = 0, frame_stack: int = 4) -> ProcgenVecEnv:
    return StarPilot(reward=EnvReward(), frame_stack=frame_stack).vec_env(levels, n_envs, seed)


def actions(n_steps: int, n_envs: int) -> np.ndarray:
    return np.random.default_rng(0).integers(15, size=(n_steps, n_envs))


def test_equals_the_native_env_with_sb3s_frame_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    monkeypatch.setattr(vec_env, "native", lambda *a: (seeds.append(a[-1]), native(*a))[1])
    env, plain = make([0.0], 3), make([0.0], 3, frame_stack=1)
    stacked, single = env.reset(), plain.reset()
    peer = native("starpilot", 3, 200, "easy", seeds[0])
    _, frames, _ = peer.observe()
    history = np.zeros((3, 4, 3, 64, 64), dtype=np.uint8)
    history[:, -1] = frames["rgb"].transpose(0, 3, 1, 2)
    ends, held = 0, deque(maxlen=20)
    for chosen in actions(500, 3):
        assert np.array_equal(stacked, history.reshape(3, 12, 64, 64))
        assert np.array_equal(single, history[:, -1])
        before = stacked.copy()
        held.append((stacked, before))
        stacked, rewards, dones, infos = env.step(chosen)
        single = plain.step(chosen)[0]
        peer.act(chosen.astype(np.int32))
        expected, frames, first = peer.observe()
        assert np.array_equal(rewards, expected)
        assert np.array_equal(dones, first)
        history = np.roll(history, -1, axis=1)
        history[first] = 0
        history[:, -1] = frames["rgb"].transpose(0, 3, 1, 2)
        for i in np.flatnonzero(first):
            assert np.array_equal(infos[i]["terminal_observation"], before[i])
            ends += 1
        assert np.array_equal(*held[0])  # who holds observations keeps them
    assert ends > 3


def test_envs_of_the_levels() -> None:
    assert variants([0.0, 0.25, 0.5, 1.0]) == [(200, "easy"), (1000, "easy"), (0, "easy"), (0, "hard")]
    assert [mode for _, mode in variants([0.75] * 4)] == ["easy", "hard"] * 2
    env = make([0.0, 0.25, 0.5, 0.75], 8)
    env.reset()
    assert [envs.tolist() for envs, _ in env.parts] == [[0, 4], [1, 5], [2, 3, 6], [7]]
    assert env.step(np.zeros(8, dtype=int))[0].shape == (8, 12, 64, 64)


@pytest.mark.parametrize("levels", [[0.0], [0.0, 0.5, 0.75]])
def test_state_round_trip_continues_exactly(levels: list[float]) -> None:
    first, second = make(levels, 6, seed=1), make(levels, 6, seed=2)
    first.reset()
    second.reset()
    for chosen in actions(120, 6):
        first.step(chosen)
    second.set_state(first.get_state())
    ends = 0
    for chosen in actions(300, 6)[::-1]:
        a, b = first.step(chosen), second.step(chosen)
        assert np.array_equal(a[0], b[0])
        assert np.array_equal(a[1], b[1])
        assert np.array_equal(a[2], b[2])
        ends += a[2].sum()
    assert ends > 3


def test_seeds_decide_the_games() -> None:
    env = make([0.5], 2, seed=3)
    first = env.reset()
    following = env.reset()
    env.seed(3)
    assert np.array_equal(env.reset(), first)
    assert not np.array_equal(following, first)
    assert not np.array_equal(make([0.5], 2, seed=4).reset(), first)


def test_observations_given_out_are_never_written_to() -> None:
    env = make([0.0], 2)
    given = env.reset()
    kept = given.copy()
    for chosen in actions(60, 2):
        env.step(chosen)
        assert np.array_equal(given, kept)


def test_levels_between_are_refused_by_check() -> None:
    config = ["env=starpilot", "algo=ppo", "evaluation.levels=[0,0.3]"]
    (problem,) = find_problems(compose(config))
    assert "level 0.3 is none of Procgen's; take 0, 0.25, 0.5, 0.75, 1" in problem
    with pytest.raises(UserError, match="none of Procgen's"):
        make([0.3], 1)


def test_without_the_package_check_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vec_env, "find_spec", lambda name: None)
    (problem,) = find_problems(compose(["env=starpilot", "algo=ppo"]))
    assert "procgen is not installed" in problem
    assert "take env=cartpole or env=minigrid" in problem
