"""The prior of env=arpg: at its likeliest it is the schedule by hand, on the schedule and off it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.arpg.actions import DecodingRules
from rlsuite.generators.arpg.schedules import SCHEDULES, schedule
from rlsuite.networks.decoding import DecodingPolicy


def choices(name="cosine", steps=8, ranks=False, guidances=(1.0,)) -> DecodingRules:
    return DecodingRules(32, guidances, ranks, tuple(schedule(name, 64, steps)), 0.25)


def observation(known: np.ndarray) -> np.ndarray:
    """Two planes: known tokens (n, 64), and a rank that runs backwards."""
    rank = np.broadcast_to(np.arange(63, -1, -1) / 64, known.shape)
    return np.stack([known, rank], axis=1).reshape(-1, 2, 8, 8).astype(np.float32)


def first(done: list[int]) -> np.ndarray:
    return observation(np.arange(64) < np.array(done)[:, None])


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [4, 5, 8, 16])
def test_the_likeliest_counts_are_the_schedules(name: str, steps: int) -> None:
    own = choices(name, steps)
    done = [sum(own.counts[:t]) for t in range(steps)]
    capped = np.minimum(own.counts, 32)
    assert own.by_hand(np.array(done)).tolist() == list(own.counts)
    assert (own.prior(first(done)).argmax(axis=1) + 1).tolist() == capped.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 20), st.sampled_from(sorted(SCHEDULES)))
def test_off_the_schedule_it_ends_in_about_as_many_steps(steps: int, name: str) -> None:
    own = choices(name, steps)
    for start in range(64):
        done, taken = start, 0
        while done < 64:
            count = int(own.by_hand(np.array([done]))[0])
            assert 1 <= count <= 64 - done
            done, taken = done + count, taken + 1
        assert taken <= steps + 1


def test_legality_and_prior_have_one_entry_an_action() -> None:
    seen = first([0, 40, 63])
    for own, width in (
        (choices(), 32),
        (choices(guidances=(0.5, 1.0, 1.5)), 96),
        (choices(ranks=True), 32 + 64),
    ):
        assert own.legal(seen).shape == own.prior(seen).shape == (3, width)
    legal = choices(ranks=True).legal(seen)
    assert legal[:, :32].sum(axis=1).tolist() == [32, 24, 1]
    assert legal[:, 32:].sum(axis=1).tolist() == [64, 24, 1]
    by_cfg = choices(guidances=(0.5, 1.0, 1.5)).prior(seen).reshape(3, 32, 3)
    assert (by_cfg.argmax(axis=2) == 1).all()


@pytest.mark.parametrize("ranks", [False, True])
def test_a_fresh_policy_is_the_schedule(ranks: bool) -> None:
    from gymnasium import spaces

    own = choices(ranks=ranks)
    space = spaces.MultiDiscrete([32] + [64] * 64) if ranks else spaces.Discrete(32)
    policy = DecodingPolicy(
        spaces.Box(-9, 9, (2, 8, 8)), space, lambda _: 1e-3, prior=own.prior, legal_actions=own.legal
    )
    actions, _ = policy.predict(first([0, 19, 60]), deterministic=True)
    assert (actions.reshape(3, -1)[:, 0] + 1).tolist() == own.by_hand(np.array([0, 19, 60])).tolist()
    if ranks:
        assert actions[1, 1:46].tolist() == list(range(63, 18, -1))  # the unknown ones in the env's own order
    torch.manual_seed(0)
    drawn, _ = policy.predict(first([0] * 500), deterministic=False)
    assert drawn.reshape(500, -1)[:, 0].max() < 8  # it begins with 2 tokens
