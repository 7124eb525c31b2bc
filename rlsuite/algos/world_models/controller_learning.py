"""How ``algo=world_model`` teaches actor and critic: A2C's loss or PPO's on stored features, choices and plans."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rlsuite.algos.world_models.latent_rollout import LatentRollout, LatentSamples
from rlsuite.algos.world_models.model_learning import ModelLearner

ControllerUpdate = Literal["a2c", "ppo", "reinforce"]
"""One pass over a rollout by its log-probabilities' gradient, or several with a clipped ratio; ``reinforce``: one, by returns alone."""


class ControllerLearner(ModelLearner):
    """Mixin before an SB3 algorithm with a ``WorldModelPolicy``; the attributes are the settings of ``WorldModel``."""

    rollout_buffer: LatentRollout
    update: ControllerUpdate
    n_epochs: int
    batch_size: int
    clip_range: float
    vf_coef: float
    ent_coef: float

    def _improve_controller(self) -> None:
        """Take the steps of ``update`` on the rollout."""
        buffer, rows = self.rollout_buffer, []
        for _ in range(self.n_epochs if self.update == "ppo" else 1):
            for batch in buffer.batches(self.batch_size):
                loss, row = self.controller_loss(batch, buffer.blend)
                rows.append({**row, **self._step(loss, ("actor", "critic"))})
        for name in rows[0]:
            self.logger.record(name, float(np.mean([row[name] for row in rows])))
        if buffer.blend and (spread := buffer.spread):
            first = self.policy.plan_scale == 1
            self.policy.plan_scale.lerp_(torch.tensor(spread, device=self.device), 1.0 if first else 0.1)
            self.logger.record("train/plan_spread", spread)

    def controller_loss(self, batch: LatentSamples, blend: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of actor and critic on a minibatch, and what is worth logging."""
        values, log_probs, entropy = self.policy.evaluate(batch.features, batch.plan, blend, batch.choices)
        gain = batch.returns if self.update == "reinforce" else batch.advantages
        gain = (gain - gain.mean()) / (gain.std() + 1e-8)
        if self.update == "ppo":
            ratio = (log_probs - batch.old_log_probs).exp()
            policy_loss = -torch.min(
                gain * ratio, gain * ratio.clamp(1 - self.clip_range, 1 + self.clip_range)
            ).mean()
        else:
            policy_loss = -(gain * log_probs).mean()
        value_loss = F.mse_loss(values, batch.returns)
        loss = policy_loss + self.vf_coef * value_loss - self.ent_coef * entropy.mean()
        shown = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy.mean()}
        return loss, {f"train/{name}": value.item() for name, value in shown.items()}
