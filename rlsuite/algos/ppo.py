"""PPO: upstream's algorithm with the technique's seam in its update.

Schulman et al., "Proximal policy optimization algorithms" (2017), https://arxiv.org/abs/1707.06347.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, ClassVar

import stable_baselines3 as sb3
import torch
from annotated_types import Ge, Gt, Le
from gymnasium import spaces
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecNormalize
from torch.nn import functional as F

from rlsuite.algos.accelerated.fast import HandUpdate, by_hand, fuse
from rlsuite.algos.buffers.rollout import DomainRolloutBuffer, RolloutSamples
from rlsuite.algos.common.actor_critic import ActorCritic
from rlsuite.algos.common.learner import training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.common.settings import ClipSettings, NormalizeSettings
from rlsuite.algos.policies.arguments import actor_critic_class, policy_arguments
from rlsuite.algos.policies.masking import legal_actions_of
from rlsuite.algos.policies.pretrained_encoder import take_weights, with_encoder
from rlsuite.algos.policies.settings import EncoderSettings, PPONetworkSettings
from rlsuite.core.interfaces import Index, Losses, Metrics, Task, Technique


class PPO(ActorCritic, sb3.PPO):
    """``stable_baselines3.PPO`` built from a task; equal to it bit for bit with ``technique=baseline``.

    ``network.fast`` gives up the equality of bits, not of curves: see ``algos.accelerated.fast``.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 8,
        learning_rate: Annotated[float, Gt(0)] = 3e-4,
        lr_schedule: LRSchedule = "constant",
        n_steps: Annotated[int, Gt(0)] = 256,
        batch_size: Annotated[int, Gt(1)] = 64,
        n_epochs: Annotated[int, Gt(0)] = 10,
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.95,
        clip_range: ClipSettings = ClipSettings(),
        normalize: NormalizeSettings = NormalizeSettings(),
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        target_kl: Annotated[float, Gt(0)] | None = None,
        network: PPONetworkSettings = PPONetworkSettings(),
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
            policy_arguments(
                env.observation_space,
                replace(network, precision="bfloat16") if network.fast else network,
                legal,
                zero_head=task.residual_actions,
            ),
            encoder,
        )
        super().__init__(
            policy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            n_steps=n_steps,
            batch_size=batch_size,
            n_epochs=n_epochs,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip_range=clip_range.policy,
            clip_range_vf=clip_range.value,
            normalize_advantage=normalize.advantage,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            target_kl=target_kl,
            rollout_buffer_class=DomainRolloutBuffer,
            rollout_buffer_kwargs={"n_domains": len(technique.levels)},
            policy_kwargs=arguments,
            seed=seed,
            device=device,
        )
        take_weights(self.policy, encoder.name)
        self.by_hand = network.fast and by_hand(self)
        if network.fast and not self.by_hand:
            fuse(self.policy.optimizer)

    def collect_rollouts(self, *args: object, **kwargs: object) -> bool:
        """Play as upstream does, with the policy computed in numpy if ``fast``."""
        with self.policy.acting_in_numpy() if self.by_hand else nullcontext():
            return super().collect_rollouts(*args, **kwargs)

    def train(self) -> None:
        """Update the policy from the rollout: ``n_epochs`` passes over shuffled minibatches."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        rows: list[Metrics] = []
        hand = HandUpdate(self) if self.by_hand else None
        take_step = hand.take_step if hand else self.take_step
        for _ in range(self.n_epochs):
            batches = hand.batches() if hand else self.rollout_buffer.get(self.batch_size)
            within_kl = all(take_step(batch, rows) for batch in batches)
            self._n_updates += 1
            if not within_kl:
                break
        if hand:
            hand.hand.write_back()
        self.record_means("train", rows)
        buffer = self.rollout_buffer
        self.logger.record(
            "train/explained_variance", explained_variance(buffer.values.ravel(), buffer.returns.ravel())
        )
        if isinstance(self.action_space, spaces.Box):
            self.logger.record("train/std", self.policy.log_std.exp().mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def losses(self, batch: RolloutSamples) -> Losses:
        """Return the actor's loss, clipped surrogate and entropy, and the critic's of any part of ``batch``."""
        clip = self.clip_range(self._current_progress_remaining)
        advantages = batch.advantages
        if self.normalize_advantage and len(advantages) > 1:  # over the whole minibatch, before any split
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        actions = batch.actions
        if isinstance(self.action_space, spaces.Discrete):
            actions = actions.long().flatten()

        def losses(index: Index) -> tuple[torch.Tensor, torch.Tensor, Metrics]:
            values, log_prob, entropy = self.policy.evaluate_actions(
                batch.observations[index], actions[index]
            )
            log_ratio = log_prob - batch.old_log_prob[index]
            ratio = torch.exp(log_ratio)
            gain = advantages[index] * ratio
            policy_loss = -torch.min(gain, advantages[index] * torch.clamp(ratio, 1 - clip, 1 + clip)).mean()
            value_loss = F.mse_loss(
                batch.returns[index], self._clip_values(values.flatten(), batch.old_values[index])
            )
            entropy_loss = -torch.mean(-log_prob if entropy is None else entropy)
            actor, critic = policy_loss + self.ent_coef * entropy_loss, self.vf_coef * value_loss
            with torch.no_grad():
                metrics = {
                    "loss": (actor + critic).detach(),
                    "policy_gradient_loss": policy_loss.detach(),
                    "value_loss": value_loss.detach(),
                    "entropy_loss": entropy_loss.detach(),
                    # Schulman's low-variance estimate of the KL divergence, http://joschu.net/blog/kl-approx.html
                    "approx_kl": ((ratio - 1) - log_ratio).mean(),
                    "clip_fraction": ((ratio - 1).abs() > clip).float().mean(),
                }
            return actor, critic, metrics

        return losses

    def _clip_values(self, values: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
        if self.clip_range_vf is None:
            return values
        clip = self.clip_range_vf(self._current_progress_remaining)
        return old + torch.clamp(values - old, -clip, clip)
