"""QR-DQN: sb3-contrib's algorithm with the technique's seam in its update.

Dabney et al., "Distributional reinforcement learning with quantile regression" (2018), https://arxiv.org/abs/1710.10044.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import sb3_contrib
import torch
from annotated_types import Ge, Gt, Le
from sb3_contrib.common.utils import quantile_huber_loss
from sb3_contrib.qrdqn.policies import QRDQNPolicy

from rlsuite.algos.accelerated.policies import QuickQuantileNetwork
from rlsuite.algos.buffers.replay import ReplaySamples
from rlsuite.algos.common.learner import training_env
from rlsuite.algos.common.replay_learner import ReplayLearner, replay_arguments
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.common.settings import ExplorationSettings
from rlsuite.algos.policies.arguments import policy_arguments
from rlsuite.algos.policies.masking import ILLEGAL, LegalActions, legal_actions_of, legal_mask
from rlsuite.algos.policies.settings import QNetworkSettings
from rlsuite.core.interfaces import Index, Loss, Metrics, Task, Technique


class QRDQN(ReplayLearner, sb3_contrib.QRDQN):
    """``sb3_contrib.QRDQN`` built from a task; equal to it bit for bit with ``technique=baseline``."""

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete"})

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 1,
        learning_rate: Annotated[float, Gt(0)] = 5e-5,
        lr_schedule: LRSchedule = "constant",
        buffer_size: Annotated[int, Gt(0)] = 100_000,
        learning_starts: Annotated[int, Ge(0)] = 100,
        batch_size: Annotated[int, Gt(0)] = 32,
        tau: Annotated[float, Gt(0), Le(1)] = 1.0,
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        n_steps: Annotated[int, Gt(0)] = 1,
        train_freq: Annotated[int, Gt(0)] = 4,
        gradient_steps: Annotated[int, Ge(-1)] = 1,
        target_update_interval: Annotated[int, Gt(0)] = 10_000,
        exploration: ExplorationSettings = ExplorationSettings(),
        max_grad_norm: Annotated[float, Gt(0)] | None = None,
        n_quantiles: Annotated[int, Gt(0)] = 200,
        network: QNetworkSettings = QNetworkSettings(),
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        self.technique = technique
        self.compute(network.compile, network.cudnn_deterministic)
        self.legal_actions = legal = legal_actions_of(task, network.mask_actions)
        arguments = policy_arguments(env.observation_space, network, legal)
        super().__init__(
            "MlpPolicy" if legal is None else MaskedQRDQNPolicy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            buffer_size=buffer_size,
            learning_starts=learning_starts,
            batch_size=batch_size,
            tau=tau,
            gamma=gamma,
            train_freq=train_freq,
            gradient_steps=gradient_steps,
            target_update_interval=target_update_interval,
            exploration_fraction=exploration.fraction,
            exploration_initial_eps=exploration.initial_eps,
            exploration_final_eps=exploration.final_eps,
            max_grad_norm=max_grad_norm,
            **replay_arguments(task, technique, n_steps=n_steps, gamma=gamma),
            policy_kwargs={**arguments, "n_quantiles": n_quantiles},
            seed=seed,
            device=device,
        )

    def _loss(self, batch: ReplaySamples) -> Loss:
        """Return the quantile Huber loss of any part of ``batch``."""
        with torch.no_grad():
            following = self.quantile_net_target(batch.next_observations)  # (batch, quantiles, actions)
            best = following.mean(dim=1, keepdim=True).argmax(dim=2, keepdim=True)
            best = best.expand(-1, self.n_quantiles, 1)
            values = following.gather(dim=2, index=best).squeeze(dim=2)
            targets = batch.rewards + (1 - batch.dones) * batch.discounts * values
        actions = batch.actions[..., None].long().expand(-1, self.n_quantiles, 1)

        def loss(index: Index) -> tuple[torch.Tensor, Metrics]:
            quantiles = self.quantile_net(batch.observations[index])
            chosen = torch.gather(quantiles, dim=2, index=actions[index]).squeeze(dim=2)
            total = quantile_huber_loss(chosen, targets[index], sum_over_quantiles=True)
            return total, {"loss": total.detach()}

        return loss


class MaskedQuantileNetwork(QuickQuantileNetwork):
    """sb3-contrib's network, in which every quantile of an illegal action is ``ILLEGAL``."""

    def __init__(self, *args: object, legal_actions: LegalActions, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.legal_actions = legal_actions

    def forward(self, obs: Any) -> torch.Tensor:
        """Return the quantiles (B, n_quantiles, actions)."""
        return super().forward(obs).masked_fill(~legal_mask(obs, self.legal_actions)[:, None], ILLEGAL)


class MaskedQRDQNPolicy(QRDQNPolicy):
    """sb3-contrib's policy with masked quantile networks."""

    def __init__(self, *args: object, legal_actions: LegalActions, **kwargs: object) -> None:
        self._masking = {"legal_actions": legal_actions}  # super() builds the networks
        super().__init__(*args, **kwargs)

    def make_quantile_net(self) -> MaskedQuantileNetwork:
        """Build one masked network."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return MaskedQuantileNetwork(**arguments, **self._masking).to(self.device)
