"""What PPO and A2C share: an actor's and a critic's loss, apart for those who look, together for the technique."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch

from rlsuite.algos.buffers.rollout import RolloutSamples
from rlsuite.algos.common.learner import Learner
from rlsuite.algos.common.probe import Probe, on_policy_samples
from rlsuite.algos.policies.pretrained_encoder import SCRATCH
from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import NO_USE, Index, Loss, Losses, Metrics, Use
from rlsuite.representation.loading import find_encoder


class ActorCritic(Learner):
    """Mixin before an SB3 algorithm with an ``ActorCriticPolicy``."""

    probes_actor_critic: ClassVar[bool] = True

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say that there is no such encoder."""
        encoder = settings.get("encoder")
        if encoder not in (None, SCRATCH):
            try:
                find_encoder(encoder)
            except UserError as error:
                yield f"algo.encoder: {error}"

    def losses(self, batch: RolloutSamples) -> Losses:
        """Return the actor's and the critic's loss of any part of a minibatch, each as it is weighed."""
        raise NotImplementedError

    def _loss(self, batch: RolloutSamples) -> Loss:
        losses = self.losses(batch)

        def loss(index: Index) -> tuple[torch.Tensor, Metrics]:
            actor, critic, metrics = losses(index)
            return actor + critic, metrics

        return loss

    def probe_samples(self, probe: Probe) -> RolloutSamples:
        """Return samples of the present policy on a probe's envs."""
        return on_policy_samples(self, probe)

    def probe_halves(self, probe: Probe) -> tuple[RolloutSamples, dict[str, dict[str, torch.Tensor]]]:
        """Return samples played on a probe's envs, and on them the gradients of both losses by parameter.

        ``gradients["actor"]`` and ``gradients["critic"]`` hold what each loss reaches.
        """
        training = self.policy.training
        with probe.look():
            batch = self.probe_samples(probe)
            self.policy.set_training_mode(True)
            *losses, _ = self.losses(batch)(slice(None))
            named = {name: p for name, p in self.policy.named_parameters() if p.requires_grad}
            grads = [
                torch.autograd.grad(loss, list(named.values()), allow_unused=True, retain_graph=True)
                for loss in losses
            ]
        self.policy.set_training_mode(training)
        found = [{n: g for n, g in zip(named, several, strict=True) if g is not None} for several in grads]
        return batch, dict(zip(("actor", "critic"), found, strict=True))

    def values(self, observations: Any) -> np.ndarray:
        """Return what the critic holds observations (n, ...) to be worth, (n,)."""
        with torch.no_grad():
            return self.policy.predict_values(self.policy.obs_to_tensor(observations)[0]).cpu().numpy()[:, 0]
