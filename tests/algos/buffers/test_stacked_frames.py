"""Stacks rebuilt from single frames are the stacks that upstream's buffer keeps."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from agents import make
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from rlsuite.algos.buffers.stacked_frames import FrameReplayBuffer
from rlsuite.algos.dqn import DQN
from rlsuite.core.seeding import get_rng_state, set_rng_state
from rlsuite.envs.starpilot import StarPilot
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline

SPACE = spaces.Box(0, 255, (8, 3, 2), np.uint8)  # 4 frames of 2 channels


class Film:
    """Envs of random frames whose episodes end by chance: what a stacking env shows."""

    def __init__(self, n_envs: int) -> None:
        self.rng, self.n = np.random.default_rng(0), n_envs
        self.stack = np.zeros((n_envs, *SPACE.shape), dtype=np.uint8)
        self._push(np.ones(n_envs, dtype=bool))

    def _push(self, first: np.ndarray) -> None:
        self.stack = np.roll(self.stack, -2, axis=1)
        self.stack[first] = 0
        self.stack[:, -2:] = self.rng.integers(1, 256, size=(self.n, 2, 3, 2))

    def step(self) -> tuple:
        """Return what a learner stores."""
        before, done = self.stack, self.rng.random(self.n) < 0.2
        self._push(done)
        following = np.where(done[:, None, None, None], before, self.stack)
        reward, action = self.rng.random(self.n), self.rng.integers(3, size=self.n)
        return before, following, action, reward, done, [{} for _ in range(self.n)]


def both(size: int, n_envs: int, steps: int) -> tuple[FrameReplayBuffer, ReplayBuffer]:
    film, actions = Film(n_envs), spaces.Discrete(3)
    ours = FrameReplayBuffer(size * n_envs, SPACE, actions, "cpu", n_envs, frames=4)
    theirs = ReplayBuffer(size * n_envs, SPACE, actions, "cpu", n_envs)
    for _ in range(steps):
        transition = film.step()
        ours.add(*transition)
        theirs.add(*transition)
    return ours, theirs


@pytest.mark.parametrize(("size", "steps"), [(50, 30), (50, 51), (50, 123), (300, 3700)])
def test_samples_equal_upstreams(size: int, steps: int) -> None:
    ours, theirs = both(size, 3, steps)
    for seed in range(3):
        np.random.seed(seed)
        expected = theirs.sample(200)
        np.random.seed(seed)
        found = ours.sample(200)
        for name in ("observations", "next_observations", "actions", "rewards", "dones"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def test_resumes_from_its_folder(tmp_path: Path) -> None:
    film, actions = Film(2), spaces.Discrete(3)

    def make() -> FrameReplayBuffer:
        made = FrameReplayBuffer(80, SPACE, actions, "cpu", 2, frames=4)
        made.keep_in(tmp_path)
        return made

    first = make()
    for _ in range(70):
        first.add(*film.step())
    state = first.get_state()
    expected = first.all_samples()
    for _ in range(first.slack // 2):  # rows written after the checkpoint by a run that is then killed
        first.add(*film.step())
    second = make()
    second.set_state(state)
    found = second.all_samples()
    assert np.array_equal(found.observations, expected.observations)
    # what follows the newest step is written again by the step that is taken again
    assert np.array_equal(found.next_observations[:-2], expected.next_observations[:-2])


def test_dqn_on_starpilot_keeps_each_frame_once() -> None:
    task = StarPilot(reward=EnvReward())
    agent = make(
        DQN,
        task=task,
        technique=Baseline(),
        seed=0,
        n_envs=2,
        buffer_size=100,
        learning_starts=20,
        batch_size=8,
    )
    stored = agent.replay_buffer
    assert isinstance(stored, FrameReplayBuffer)
    rows = stored.buffer_size + stored.slack
    assert stored.observations.shape == (rows, 2, 3, 64, 64)
    agent.learn(60)
    assert stored.sample(4).observations.shape == (4, 12, 64, 64)


def test_a_hundred_thousand_transitions_fit_in_1400_megabytes() -> None:
    space = spaces.Box(0, 255, (12, 64, 64), np.uint8)
    stored = FrameReplayBuffer(100_000, space, spaces.Discrete(15), "cpu", 10, frames=4)
    assert sum(getattr(stored, name).nbytes for name in stored.STORED) < 1.4e9


def test_dqn_on_starpilot_resumes_exactly() -> None:
    def fresh(seed: int) -> DQN:
        task = StarPilot(reward=EnvReward())
        return make(
            DQN,
            task=task,
            technique=Baseline(),
            seed=seed,
            n_envs=2,
            buffer_size=100,
            learning_starts=20,
            batch_size=4,
        )

    first = fresh(0)
    first.learn(80)
    state, streams = deepcopy(first.get_state()), get_rng_state()
    first.learn(60, reset_num_timesteps=False)
    second = fresh(1)
    second.set_state(state)
    set_rng_state(streams)
    second.learn(60, reset_num_timesteps=False)
    expected = first.parameters_tree()
    assert all(np.array_equal(value, expected[name]) for name, value in second.parameters_tree().items())
