"""A replay buffer that knows which variation each sample came from (its env tells), and where its samples are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from rlsuite.core.interfaces import Tree


class ReplaySamples(NamedTuple):
    """SB3's replay samples plus each sample's variation index (batch,).

    ``rewards``, ``dones`` and ``next_observations`` are those of n steps, ``discounts`` what the value after them counts;
    columns are (batch, 1).
    """

    observations: torch.Tensor
    actions: torch.Tensor
    next_observations: torch.Tensor
    dones: torch.Tensor
    rewards: torch.Tensor
    discounts: torch.Tensor
    domains: torch.Tensor


class DomainReplayBuffer(ReplayBuffer):
    """SB3's replay buffer over storage with slack, so that a killed run finds what its checkpoint refers to.

    The last ``buffer_size`` of ``written`` transitions can be sampled, exactly as upstream would sample them; the
    ``slack`` rows beyond keep older ones untouched until newer checkpoints exist. With a ``folder`` the
    arrays are memory maps in it, and a checkpoint holds two numbers instead of gigabytes.

    With ``n_steps`` > 1 a sample's reward is the discounted sum of that many rewards, fewer where the episode or what
    has been written ends before: bit for bit upstream's ``NStepReplayBuffer``, for the variations' envs.
    """

    STORED = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")

    def __init__(
        self, *args: object, n_domains: int = 1, n_steps: int = 1, gamma: float = 0.99, **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)
        self.n_domains, self.n_steps, self.gamma = n_domains, n_steps, gamma
        self.slack = max(self.buffer_size // 8, 1024)
        self.written, self.saved_at = 0, 0
        self._folder: Path | None = None
        self._allocate()

    def _allocate(self) -> None:
        for name, old in self._arrays().items():
            shape = (self.buffer_size + self.slack, *old.shape[1:])
            setattr(self, name, _array(self._folder, name, shape, old.dtype))

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: vars(self)[name] for name in self.STORED}

    def keep_in(self, folder: Path) -> None:
        """Keep the transitions in memory maps under ``folder``; call before the first ``add``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._allocate()

    def add(
        self,
        obs: np.ndarray,
        next_obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        done: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """Append one transition of every env."""
        row = self.written % (self.buffer_size + self.slack)
        self._store(row, obs, next_obs)
        self.actions[row] = action.reshape(self.n_envs, self.action_dim)
        self.rewards[row] = reward
        self.dones[row] = done
        self.timeouts[row] = False
        for env in np.flatnonzero(done):
            self.timeouts[row, env] = infos[env].get("TimeLimit.truncated", False)
        self.written += 1
        self.pos = self.written % self.buffer_size
        self.full = self.written >= self.buffer_size

    def _store(self, row: int, obs: np.ndarray, next_obs: np.ndarray) -> None:
        """Keep what was seen before and after a step."""
        self.observations[row] = obs
        self.next_observations[row] = next_obs

    def _observations(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Return what was seen before the steps of ``rows`` (batch,) in ``envs`` (batch,)."""
        return self.observations[rows, envs]

    def _next_observations(self, rows: np.ndarray, envs: np.ndarray) -> np.ndarray:
        """Return what was seen after them."""
        return self.next_observations[rows, envs]

    def _rows(self, ring: np.ndarray) -> np.ndarray:
        """Turn positions in upstream's ring of ``buffer_size`` into rows of the storage."""
        last = self.written - 1
        return (last - (last - ring) % self.buffer_size) % (self.buffer_size + self.slack)

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> ReplaySamples:
        return self._samples(batch_inds, np.random.randint(0, high=self.n_envs, size=len(batch_inds)), env)

    def all_samples(self) -> ReplaySamples:
        """Return every transition of the ring, step by step, envs in order."""
        ring = np.arange(self.buffer_size if self.full else self.pos).repeat(self.n_envs)
        return self._samples(ring, np.tile(np.arange(self.n_envs), len(ring) // self.n_envs))

    def _samples(self, ring: np.ndarray, envs: np.ndarray, env: VecNormalize | None = None) -> ReplaySamples:
        """Return the transitions at ring positions (batch,) of ``envs`` (batch,)."""
        rows = self._rows(ring)
        rewards, discounts, last = self._returns(ring, rows, envs, env)
        ends = self.dones[last, envs] * (1 - self.timeouts[last, envs])
        data = (
            self._normalize_obs(self._observations(rows, envs), env),
            self.actions[rows, envs],
            self._normalize_obs(self._next_observations(last, envs), env),
            ends.reshape(-1, 1),
            rewards.reshape(-1, 1),
            discounts.reshape(-1, 1),
        )
        domains = torch.as_tensor(envs % self.n_domains, device=self.device)
        return ReplaySamples._make([*(self.to_torch(array, copy=False) for array in data), domains])

    def _returns(
        self, ring: np.ndarray, rows: np.ndarray, envs: np.ndarray, env: VecNormalize | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the n-step rewards, the discounts behind them and the rows of the last steps, each (batch,)."""
        if self.n_steps == 1:
            rewards = self._normalize_reward(self.rewards[rows, envs], env)
            return rewards, np.full(len(rows), self.gamma, dtype=np.float32), rows
        steps = np.arange(self.n_steps)
        following = (rows[:, None] + steps) % (self.buffer_size + self.slack)
        newer = (self.written - 1 - ring) % self.buffer_size  # transitions written after each
        final = (self.dones[following, envs[:, None]] > 0) | (steps >= newer[:, None])
        count = np.where(final.any(axis=1), final.argmax(axis=1) + 1, self.n_steps)
        rewards = self._normalize_reward(self.rewards[following, envs[:, None]], env)
        powers = self.gamma ** steps.astype(np.float32)
        total = (rewards * powers * (steps < count[:, None])).sum(axis=1)
        return total, self.gamma ** count.astype(np.float32), following[np.arange(len(rows)), count - 1]

    @property
    def checkpoint_due(self) -> bool:
        """True when half of the slack is used: the two checkpoints kept must both stay whole."""
        return self.written - self.saved_at >= self.slack // 2

    def get_state(self) -> Tree:
        """Return the write counter, and the transitions themselves where no folder keeps them."""
        self.saved_at = self.written
        if self._folder is None:
            return {"written": self.written, "arrays": self._arrays()}
        for array in self._arrays().values():
            if isinstance(array, np.memmap):
                array.flush()
        return {"written": self.written, "arrays": {}}

    def set_state(self, state: Tree) -> None:
        """Go back to the moment of ``get_state``; rows written since are simply written again."""
        self.written = self.saved_at = state["written"]
        self.pos, self.full = self.written % self.buffer_size, self.written >= self.buffer_size
        for name, array in state["arrays"].items():
            setattr(self, name, array)


def _array(folder: Path | None, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a zeroed array, or the memory map ``folder/name.bin`` as it is on disk."""
    if folder is None:
        return np.zeros(shape, dtype)
    path, size = folder / f"{name}.bin", int(np.prod(shape)) * dtype.itemsize
    with path.open(
        "ab"
    ) as file:  # reserve now: a full disk must be an error here, not a SIGBUS while training
        if hasattr(os, "posix_fallocate") and size:
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)
