"""The steps between two updates of ``algo=world_model``, as actor and critic saw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlsuite.algos.world_models.policy import Decision
from rlsuite.worldmodel.advantages import advantages


class LatentSamples(NamedTuple):
    """Steps (B, ...); features and plan are those that were acted on, so log-probabilities can be computed again exactly."""

    features: Tensor
    plan: Tensor
    choices: Tensor
    old_log_probs: Tensor
    advantages: Tensor
    returns: Tensor


class LatentRollout:
    """Stands where SB3 has its rollout buffer."""

    def __init__(
        self,
        buffer_size: int,
        observation_space: Any,
        action_space: Any,
        device: Any = "cpu",
        gae_lambda: float = 1.0,
        gamma: float = 0.99,
        n_envs: int = 1,
    ) -> None:
        self.gamma, self.gae_lambda = gamma, gae_lambda
        self.reset()

    def reset(self) -> None:
        """Forget all steps."""
        self.steps: list[tuple[Tensor, ...]] = []
        self.blend, self.spreads = 0.0, list[Tensor]()
        self.outcomes: list[tuple[Tensor, ...]] = []
        self.columns: LatentSamples | None = None

    def add(
        self,
        decision: Decision,
        rewards: np.ndarray,
        terminated: np.ndarray,
        ended: np.ndarray,
        cut_values: Tensor,
    ) -> None:
        """Append a step; ``cut_values`` (n,) holds the value of what came after it in envs that were cut off."""
        device = decision.values.device
        facts = (torch.as_tensor(np.array(part), device=device) for part in (rewards, terminated, ended))
        self.steps.append(
            (decision.latent.features, decision.plan, decision.choices, decision.log_probs, decision.values)
        )
        self.blend = decision.blend
        self.spreads.append(decision.spread)
        self.outcomes.append((*facts, cut_values))

    def finish(self, last_values: Tensor) -> None:
        """Compute advantages and returns; ``last_values`` (n,) are of what is seen now."""
        *acted, values = (torch.stack(part) for part in zip(*self.steps, strict=True))
        rewards, terminated, ended, cut = (torch.stack(part) for part in zip(*self.outcomes, strict=True))
        after = torch.where(ended, cut, torch.cat([values[1:], last_values[None]]))
        found = advantages(rewards, values, after, terminated, ended, self.gamma, self.gae_lambda)
        columns = (*acted, found, found + values)
        self.columns = LatentSamples(*(column.flatten(0, 1) for column in columns))

    @property
    def spread(self) -> float:
        """How far the plans' values lay apart, in the mean."""
        return float(torch.stack(self.spreads).mean())

    def batches(self, size: int) -> Iterator[LatentSamples]:
        """Yield all steps once, shuffled by numpy's global stream, in minibatches."""
        assert self.columns is not None, "finish() comes first"
        order = torch.as_tensor(
            np.random.permutation(len(self.columns.returns)), device=self.columns.returns.device
        )
        for start in range(0, len(order), size):
            at = order[start : start + size]
            yield LatentSamples(*(column[at] for column in self.columns))
