"""CoinRun is Procgen's own; the tests of StarPilot hold what both share."""

import numpy as np
import pytest

pytest.importorskip("procgen")

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.envs.coinrun import CoinRun
from rlsuite.envs.procgen import vec_env
from rlsuite.envs.procgen.vec_env import native
from rlsuite.envs.starpilot import StarPilot
from rlsuite.rewards.env import EnvReward


def make(task_class: type, levels: list[float], seed: int = 0, frame_stack: int = 4):
    return task_class(reward=EnvReward(), frame_stack=frame_stack).vec_env(levels, len(levels), seed)


def test_equals_the_native_env(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    monkeypatch.setattr(vec_env, "native", lambda *a: (seeds.append(a[-1]), native(*a))[1])
    env = make(CoinRun, [0.0, 0.0], frame_stack=1)
    seen, peer = env.reset(), native("coinrun", 2, 200, "easy", seeds[0])
    for chosen in np.random.default_rng(0).integers(15, size=(100, 2)):
        _, frames, _ = peer.observe()
        assert np.array_equal(seen, frames["rgb"].transpose(0, 3, 1, 2))
        seen, rewards, dones, _ = env.step(chosen)
        peer.act(chosen.astype(np.int32))
        expected, _, first = peer.observe()
        assert np.array_equal(rewards, expected) and np.array_equal(dones, first)


def test_is_another_game_than_starpilot() -> None:
    first = make(CoinRun, [0.0, 1.0]).reset()
    assert first.shape == (2, 12, 64, 64)
    assert not np.array_equal(first, make(StarPilot, [0.0, 1.0]).reset())


def test_rewards_are_ten_for_a_coin_and_nothing_else() -> None:
    env = make(CoinRun, [0.0] * 8)
    env.reset()
    rng, seen, ends = np.random.default_rng(0), set(), 0
    for _ in range(400):
        _, rewards, dones, _ = env.step(rng.integers(15, size=8))
        seen |= set(rewards.tolist())
        ends += int(dones.sum())
        assert not (rewards > 0)[~dones].any()
    assert seen <= {0.0, 10.0}
    assert ends


def test_levels_between_are_refused_by_check() -> None:
    (problem,) = find_problems(compose(["env=coinrun", "algo=ppo", "evaluation.levels=[0,0.3]"]))
    assert "level 0.3 is none of Procgen's" in problem
