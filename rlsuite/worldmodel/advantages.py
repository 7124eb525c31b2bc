"""Advantages by generalised advantage estimation (Schulman et al. 2015), https://arxiv.org/abs/1506.02438."""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    ended: Tensor,
    gamma: float,
    lam: float,
) -> Tensor:
    """Return the advantages (T, n) of T steps in n envs.

    An episode that is cut off (``ended`` but not ``terminated``) still has the value of what came after it; only the trace of
    later errors stops at every end.

    Args:
        rewards: (T, n).
        values: (T, n) of the observations before each step.
        next_values: (T, n) of those after it: of the last one of the episode where it ended, not of the next episode's first.
        terminated: (T, n) bool, whether there is nothing more to come.
        ended: (T, n) bool, terminated or cut off.
        gamma: discount.
        lam: how far the trace reaches.
    """
    errors = rewards + gamma * next_values * ~terminated - values
    decay = gamma * lam * (~ended).to(errors.dtype)
    found, trace = torch.empty_like(errors), torch.zeros_like(errors[0])
    for t in reversed(range(len(errors))):
        trace = errors[t] + decay[t] * trace
        found[t] = trace
    return found
