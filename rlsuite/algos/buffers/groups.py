"""Rollouts of whole episodes in groups that begin alike, and how good each was beside its group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.vec_env import VecNormalize

AdvantageScale = Literal["none", "group", "global"]


def group_advantages(
    returns: np.ndarray, groups: int, scale: AdvantageScale = "none", clip: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compare each episode with the others of its group.

    Args:
        returns: (envs,) of the episodes; env i belongs to group ``i % groups``.
        groups: number of groups.
        scale: what the differences are divided by: nothing, the group's own standard deviation (DeepSeekMath), or one for all
            episodes (Flow-GRPO), which leaves groups that hardly differ their small weight. 1e-4 is added to it.
        clip: largest size of an advantage.

    Returns:
        Advantages (envs,): return minus the group's mean; and (envs,) bool, false where the whole group is equal.
    """
    table = np.asarray(returns, dtype=np.float64).reshape(-1, groups)
    differs = np.ptp(table, axis=0) > 0
    advantages = table - table.mean(axis=0)
    if scale != "none":
        deviation = table.std(axis=0) if scale == "group" else np.sqrt(np.square(advantages).mean())
        advantages = advantages / (deviation + 1e-4)
    if clip is not None:
        advantages = advantages.clip(-clip, clip)
    return np.where(differs, advantages, 0.0).ravel(), np.broadcast_to(differs, table.shape).ravel()


class GroupSamples(NamedTuple):
    """Steps of episodes: (batch, ...) each; ``domains`` tells the variation that a step's env plays."""

    observations: torch.Tensor
    actions: torch.Tensor
    old_log_prob: torch.Tensor
    reference_log_prob: torch.Tensor
    advantages: torch.Tensor
    domains: torch.Tensor


class GroupBuffer(BaseBuffer):
    """The steps of one episode an env; envs that have ended add none.

    Env i belongs to group ``i % groups`` and plays variation ``i % n_domains``, so a group has one variation.
    """

    def __init__(
        self,
        *args: object,
        gamma: float = 1.0,
        gae_lambda: float = 1.0,
        groups: int,
        n_domains: int,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.groups, self.n_domains = groups, n_domains
        self.reset()

    def reset(self) -> None:
        """Forget all steps."""
        super().reset()
        self.steps: list[tuple[np.ndarray, ...]] = []
        self.returns, self.lengths = np.zeros(self.n_envs), np.zeros(self.n_envs, dtype=np.int64)
        self.columns: dict[str, torch.Tensor] = {}

    def add(
        self,
        observations: np.ndarray,
        actions: np.ndarray,
        log_probs: np.ndarray,
        rewards: np.ndarray,
        active: np.ndarray,
    ) -> None:
        """Append a step of the envs that are ``active`` (envs,) bool."""
        envs = np.flatnonzero(active)
        self.steps.append((observations[envs], actions[envs], log_probs[envs], envs))
        self.returns[envs] += rewards[envs]
        self.lengths[envs] += 1

    def finish(self, scale: AdvantageScale, clip: float | None, mask_constant_groups: bool) -> None:
        """Turn the steps into columns of tensors, each step with its episode's advantage."""
        advantages, differs = group_advantages(self.returns, self.groups, scale, clip)
        observations, actions, log_probs, envs = (
            np.concatenate(part) for part in zip(*self.steps, strict=True)
        )
        self.steps = []
        chosen = np.flatnonzero(differs[envs]) if mask_constant_groups else np.arange(len(envs))
        envs = envs[chosen]
        self.columns = {
            "observations": self.to_torch(observations[chosen], copy=False),
            "actions": self.to_torch(actions[chosen], copy=False),
            "old_log_prob": self.to_torch(log_probs[chosen], copy=False),
            "reference_log_prob": self.to_torch(log_probs[chosen]),
            "advantages": self.to_torch(advantages[envs].astype(np.float32), copy=False),
            "domains": self.to_torch(envs % self.n_domains, copy=False),
        }

    def __len__(self) -> int:
        return len(self.columns["domains"]) if self.columns else 0

    def get(self, batch_size: int | None = None) -> Iterator[GroupSamples]:
        """Yield all steps once, shuffled by numpy's global stream, in minibatches (all in one by default)."""
        order, size = np.random.permutation(len(self)), batch_size or len(self)
        for start in range(0, len(self), size or 1):
            yield self._get_samples(order[start : start + size])

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> GroupSamples:
        at = torch.as_tensor(batch_inds, device=self.device)
        return GroupSamples(**{name: column[at] for name, column in self.columns.items()})
