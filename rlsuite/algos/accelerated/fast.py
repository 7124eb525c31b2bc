"""``algo.fast=true``: PPO's rollout and update written out in numpy where the policy is a pair of plain perceptrons, fused Adam elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rlsuite.algos.accelerated.written_out_gradient import HandBatched, Minibatch, Weights, layers_of
from rlsuite.core.interfaces import Metrics, Technique
from rlsuite.techniques.baseline import Baseline


def by_hand(agent: Any) -> bool:
    """Tell whether an agent's update can be written out: the plain gradient of PPO's loss, on the CPU, in tanh perceptrons."""
    kind = type(agent.technique)
    plain = kind.backward is Baseline.backward and kind.attach is Technique.attach
    return (
        plain
        and agent.clip_range_vf is None
        and agent.device.type == "cpu"
        and layers_of(agent.policy) is not None
    )


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Let Adam update all parameters in one call."""
    for group in optimizer.param_groups:
        if "fused" in group:
            group["foreach"], group["fused"] = False, True


class HandUpdate:
    """One update of ``algo=ppo``, written out; the same minibatches that the graph would see.

    Args:
        agent: a PPO with a full rollout buffer.
    """

    def __init__(self, agent: Any) -> None:
        self.agent, self.hand = agent, HandBatched(agent.policy)
        clip = agent.clip_range(agent._current_progress_remaining)
        self.weights = Weights(clip, agent.vf_coef, agent.ent_coef)
        self.max_norm = float("inf") if agent.max_grad_norm is None else agent.max_grad_norm
        buffer = agent.rollout_buffer
        columns = [
            buffer.observations,
            buffer.actions,
            buffer.log_probs,
            buffer.advantages,
            buffer.returns,
        ]
        if not buffer.generator_ready:
            columns = [buffer.swap_and_flatten(column) for column in columns]
        seen, actions, *rest = columns
        actions = actions.astype(np.int64)[:, 0] if self.hand.discrete else actions
        self.samples = Minibatch(seen.astype(np.float32), actions, *(column.ravel() for column in rest))

    def batches(self) -> Iterator[Minibatch]:
        """Yield all samples once, shuffled by numpy's global stream, in minibatches."""
        size, order = self.agent.batch_size, np.random.permutation(len(self.samples.returns))
        for start in range(0, len(order), size):
            yield Minibatch(*(column[order[start : start + size]] for column in self.samples))

    def take_step(self, batch: Minibatch, rows: list[Metrics]) -> bool:
        """As :meth:`Learner.take_step`."""
        if self.agent.normalize_advantage and len(batch.returns) > 1:
            gain = batch.advantages
            batch = batch._replace(advantages=(gain - gain.mean()) / (gain.std(ddof=1) + 1e-8))
        rows.append(self.hand.differentiate(batch, self.weights))
        limit = self.agent.target_kl
        if limit is not None and rows[-1]["approx_kl"] > 1.5 * limit:
            return False
        self.hand.step(self.max_norm)
        return True
