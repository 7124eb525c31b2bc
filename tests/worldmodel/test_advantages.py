"""Advantages against a slow reference, and what ends and cuts do by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.worldmodel.advantages import advantages


def slow(rewards, values, after, terminated, ended, gamma, lam):
    """Sum the discounted errors forward, step by step, up to each episode's end."""
    steps, envs = rewards.shape
    found = np.zeros((steps, envs))
    for t in range(steps):
        for i in range(envs):
            weight = 1.0
            for k in range(t, steps):
                target = rewards[k, i] + (0 if terminated[k, i] else gamma * after[k, i])
                found[t, i] += weight * (target - values[k, i])
                if ended[k, i]:
                    break
                weight *= gamma * lam
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_equals_the_slow_reference(seed: int, gamma: float, lam: float) -> None:
    rng = np.random.default_rng(seed)
    rewards, values, after = rng.normal(size=(3, 9, 4))
    ended = rng.random((9, 4)) < 0.3
    terminated = ended & (rng.random((9, 4)) < 0.5)
    tensors = [torch.from_numpy(part) for part in (rewards, values, after, terminated, ended)]
    expected = slow(rewards, values, after, terminated, ended, gamma, lam)
    np.testing.assert_allclose(advantages(*tensors, gamma, lam), expected, atol=1e-9)


@pytest.mark.parametrize(("terminated", "worth"), [(True, 1.0), (False, 1.0 + 0.5 * 8)])
def test_an_end_is_worth_its_reward_and_a_cut_what_would_have_come(terminated: bool, worth: float) -> None:
    one = torch.ones(1, 1)
    found = advantages(one, 3 * one, 8 * one, torch.tensor([[terminated]]), torch.tensor([[True]]), 0.5, 0.9)
    assert found.item() == worth - 3
