"""A rollout buffer that knows which variation each sample came from (its env tells)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.vec_env import VecNormalize


class RolloutSamples(NamedTuple):
    """SB3's rollout samples plus each sample's variation index (batch,)."""

    observations: torch.Tensor
    actions: torch.Tensor
    old_values: torch.Tensor
    old_log_prob: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor
    domains: torch.Tensor


class DomainRolloutBuffer(RolloutBuffer):
    """SB3's rollout buffer; ``n_domains`` variations go round the envs as in ``vec_env``."""

    def __init__(self, *args: object, n_domains: int = 1, **kwargs: object) -> None:
        self.n_domains = n_domains
        super().__init__(*args, **kwargs)

    def _get_samples(self, batch_inds: np.ndarray, env: VecNormalize | None = None) -> RolloutSamples:
        envs = batch_inds // self.buffer_size  # upstream flattens env-major
        domains = torch.as_tensor(envs % self.n_domains, device=self.device)
        return RolloutSamples._make([*super()._get_samples(batch_inds, env), domains])

    def to_torch(self, array: np.ndarray, copy: bool = False) -> torch.Tensor:
        """Return a tensor on ``array``'s memory: what is sampled by index is a copy already."""
        return super().to_torch(array, copy)
