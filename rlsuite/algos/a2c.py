"""A2C: upstream's algorithm with the technique's seam in its update.

Mnih et al., "Asynchronous methods for deep reinforcement learning" (2016), https://arxiv.org/abs/1602.01783.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import stable_baselines3 as sb3
import torch
from annotated_types import Ge, Gt, Le
from gymnasium import spaces
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecNormalize
from torch.nn import functional as F

from rlsuite.algos.buffers.rollout import DomainRolloutBuffer, RolloutSamples
from rlsuite.algos.common.actor_critic import ActorCritic
from rlsuite.algos.common.learner import training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.common.settings import NormalizeSettings
from rlsuite.algos.policies.arguments import actor_critic_class, policy_arguments
from rlsuite.algos.policies.masking import legal_actions_of
from rlsuite.algos.policies.pretrained_encoder import take_weights, with_encoder
from rlsuite.algos.policies.settings import ActorCriticNetworkSettings, EncoderSettings
from rlsuite.core.interfaces import Index, Losses, Metrics, Task, Technique


class A2C(ActorCritic, sb3.A2C):
    """``stable_baselines3.A2C`` built from a task; equal to it bit for bit with ``technique=baseline``."""

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    LOG_EVERY: ClassVar[int] = 100

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 8,
        learning_rate: Annotated[float, Gt(0)] = 7e-4,
        lr_schedule: LRSchedule = "constant",
        n_steps: Annotated[int, Gt(0)] = 5,
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 1.0,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        use_rms_prop: bool = True,
        rms_prop_eps: Annotated[float, Gt(0)] = 1e-5,
        normalize: NormalizeSettings = NormalizeSettings(advantage=False),
        network: ActorCriticNetworkSettings = ActorCriticNetworkSettings(),
        encoder: EncoderSettings = EncoderSettings(),
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        if normalize.reward:
            env = VecNormalize(env, norm_obs=False, gamma=gamma)
        self.technique = technique
        self.compute(network.compile, network.cudnn_deterministic)
        legal = legal_actions_of(task, network.mask_actions)
        policy, arguments = with_encoder(
            actor_critic_class(env.action_space, legal),
            policy_arguments(env.observation_space, network, legal, zero_head=task.residual_actions),
            encoder,
        )
        super().__init__(
            policy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_rms_prop=use_rms_prop,
            rms_prop_eps=rms_prop_eps,
            normalize_advantage=normalize.advantage,
            rollout_buffer_class=DomainRolloutBuffer,
            rollout_buffer_kwargs={"n_domains": len(technique.levels)},
            policy_kwargs=arguments,
            seed=seed,
            device=device,
        )
        take_weights(self.policy, encoder.name)

    def train(self) -> None:
        """Take one gradient step on the whole rollout."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        batch = next(self.rollout_buffer.get(batch_size=None))
        metrics = self.compute_gradient(self._loss(batch), batch.domains)
        self.policy.optimizer.step()
        self._n_updates += 1
        self.record_means("train", [metrics])
        buffer = self.rollout_buffer
        self.logger.record(
            "train/explained_variance", explained_variance(buffer.values.ravel(), buffer.returns.ravel())
        )
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def learn(self, *args: object, log_interval: int = 1, **kwargs: object) -> A2C:
        """Learn as upstream does; when to log is decided in ``dump_logs``."""
        return super().learn(*args, log_interval=log_interval, **kwargs)

    def dump_logs(self, iteration: int = 0) -> None:
        """Log every ``LOG_EVERY`` updates, counted over restarts too (upstream counts from the restart)."""
        if self._n_updates % self.LOG_EVERY == 0:
            super().dump_logs(iteration)

    def losses(self, batch: RolloutSamples) -> Losses:
        """Return the actor's loss, policy gradient and entropy, and the critic's of any part of ``batch``."""
        advantages = batch.advantages
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()

        def losses(index: Index) -> tuple[torch.Tensor, torch.Tensor, Metrics]:
            values, log_prob, entropy = self.policy.evaluate_actions(
                batch.observations[index], actions[index]
            )
            policy_loss = -(advantages[index] * log_prob).mean()
            value_loss = F.mse_loss(batch.returns[index], values.flatten())
            entropy_loss = -torch.mean(-log_prob if entropy is None else entropy)
            metrics = {
                "policy_loss": policy_loss.detach(),
                "value_loss": value_loss.detach(),
                "entropy_loss": entropy_loss.detach(),
            }
            return policy_loss + self.ent_coef * entropy_loss, self.vf_coef * value_loss, metrics

        return losses
