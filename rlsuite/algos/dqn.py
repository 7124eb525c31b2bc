"""DQN: upstream's algorithm with the technique's seam in its update.

Mnih et al., "Human-level control through deep reinforcement learning" (2015), https://doi.org/10.1038/nature14236.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import stable_baselines3 as sb3
import torch
from annotated_types import Ge, Gt, Le
from torch.nn import functional as F

from rlsuite.algos.buffers.replay import ReplaySamples
from rlsuite.algos.common.learner import training_env
from rlsuite.algos.common.replay_learner import ReplayLearner, replay_arguments
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.common.settings import ExplorationSettings
from rlsuite.algos.policies.arguments import policy_arguments
from rlsuite.algos.policies.masking import MaskedDQNPolicy, legal_actions_of
from rlsuite.algos.policies.settings import QNetworkSettings
from rlsuite.core.interfaces import Index, Loss, Metrics, Task, Technique


class DQN(ReplayLearner, sb3.DQN):
    """``stable_baselines3.DQN`` built from a task; equal to it bit for bit with ``technique=baseline``.

    ``n_steps`` > 1 learns from n-step returns (Sutton and Barto, 2nd ed., ch. 7; not corrected for the exploration in
    between), ``observation_scale`` divides the observations, one number each or one for all.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete"})

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 1,
        learning_rate: Annotated[float, Gt(0)] = 1e-4,
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
        max_grad_norm: Annotated[float, Gt(0)] = 10.0,
        network: QNetworkSettings = QNetworkSettings(),
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        self.technique = technique
        self.compute(network.compile, network.cudnn_deterministic)
        self.legal_actions = legal = legal_actions_of(task, network.mask_actions)
        super().__init__(
            "MlpPolicy" if legal is None else MaskedDQNPolicy,
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
            policy_kwargs=policy_arguments(env.observation_space, network, legal),
            seed=seed,
            device=device,
        )

    def _loss(self, batch: ReplaySamples) -> Loss:
        """Return the Huber loss of the temporal-difference error of any part of ``batch``."""
        with torch.no_grad():
            best = self.q_net_target(batch.next_observations).max(dim=1, keepdim=True).values
            targets = batch.rewards + (1 - batch.dones) * batch.discounts * best
        actions = batch.actions.long()

        def loss(index: Index) -> tuple[torch.Tensor, Metrics]:
            values = torch.gather(self.q_net(batch.observations[index]), dim=1, index=actions[index])
            total = F.smooth_l1_loss(values, targets[index])
            return total, {"loss": total.detach()}

        return loss
