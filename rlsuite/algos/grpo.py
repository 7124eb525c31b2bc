"""GRPO: a policy gradient whose baseline is the mean of a group of episodes that began alike; no value function.

Shao et al., "DeepSeekMath" (2024), https://arxiv.org/abs/2402.03300; means over all steps instead of over each episode's:
Liu et al., "Understanding R1-Zero-like training" (2025), https://arxiv.org/abs/2503.20783.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from tqdm import tqdm

from rlsuite.algos.buffers.groups import AdvantageScale, GroupBuffer, GroupSamples
from rlsuite.algos.common.learner import Learner, training_env
from rlsuite.algos.common.probe import Probe, group_samples
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.policies.arguments import actor_critic_class, decoding_policy, policy_arguments
from rlsuite.algos.policies.masking import legal_actions_of
from rlsuite.algos.policies.settings import CompiledNetworkSettings
from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Index, Loss, Metrics, Task, Technique, Tree
from rlsuite.core.sections import Section


@dataclass(frozen=True, kw_only=True)
class AdvantageSettings(Section):
    """What an episode's return is compared with.

    Attributes:
        scale: the standard deviation that return minus group mean is divided by.
        clip: largest size of an advantage; None: any.
        mask_constant_groups: leave out groups whose episodes are all equally good.
    """

    scale: AdvantageScale = "global"
    clip: Annotated[float, Gt(0)] | None = None
    mask_constant_groups: bool = True


class GRPO(Learner, OnPolicyAlgorithm):
    """Plays ``group_size`` whole episodes from each of ``groups`` starts, then takes PPO's clipped steps.

    Episodes of a group share their seed: start, and for equal actions all chance. The advantage of every step is its
    episode's undiscounted return minus the group's mean. Upstream's policy class brings a linear value head, which is
    neither computed for a decision nor trained.

    Args:
        groups: starts a rollout; levels share them evenly.
        group_size: episodes a start.
        scale_advantage: see ``group_advantages``.
        mask_constant_groups: leave out groups whose episodes are all equally good.
        advantage_clip: largest size of an advantage; None: any.
        kl_coef: weight of the KL divergence from the policy at the start (Schulman's estimate that is never negative).
        temperature: of the policy, on envs with a prior (see ``DecodingPolicy``), whose networks are its own: ``network``,
            ``features_dim`` and ``net_arch`` are for the others.
        log_every: updates between two lines on the console; 0: none.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box", "ranking"})
    techniques: ClassVar[frozenset[str] | None] = frozenset(
        {"baseline", "reg", "dropout", "dr", "gar", "mask", "vrex"}
    )
    needs: ClassVar[frozenset[str]] = frozenset({"repeatable start"})
    n_envs_setting: ClassVar[tuple[str, int]] = ("groups", 1)
    rollout_buffer: GroupBuffer

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        groups: Annotated[int, Gt(0)] = 8,
        group_size: Annotated[int, Gt(1)] = 4,
        learning_rate: Annotated[float, Gt(0)] = 3e-4,
        lr_schedule: LRSchedule = "constant",
        batch_size: Annotated[int, Gt(1)] = 256,
        n_epochs: Annotated[int, Gt(0)] = 4,
        clip_range: Annotated[float, Gt(0)] = 0.2,
        advantage: AdvantageSettings = AdvantageSettings(),
        ent_coef: float = 0.0,
        kl_coef: Annotated[float, Ge(0)] = 0.0,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        target_kl: Annotated[float, Gt(0)] | None = None,
        network: CompiledNetworkSettings = CompiledNetworkSettings(),
        temperature: Annotated[float, Gt(0)] = 1.0,
        log_every: Annotated[int, Ge(0)] = 10,
    ) -> None:
        env = training_env(task, technique, groups * group_size, seed)
        self.technique, self.clip_range, self.kl_coef = technique, clip_range, kl_coef
        self.batch_size, self.n_epochs, self.log_every = batch_size, n_epochs, log_every
        self.scale_advantage, self.advantage_clip = advantage.scale, advantage.clip
        self.mask_constant_groups, self.target_kl = advantage.mask_constant_groups, target_kl
        self.compute(network.compile, network.cudnn_deterministic)
        if task.prior is not None:
            policy, arguments = decoding_policy(task, temperature)
        elif temperature != 1:
            raise UserError(
                f"algo.temperature={temperature} is for envs with a prior; take algo.temperature=1"
            )
        else:
            legal = legal_actions_of(task)
            hidden = [64, 64] if network.net_arch is None else network.net_arch
            policy = actor_critic_class(env.action_space, legal)
            arguments = policy_arguments(env.observation_space, network, legal)
            arguments["net_arch"] = {"pi": hidden, "vf": []}
        super().__init__(
            policy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            n_steps=1,  # of the envs, if rollouts were cut by steps: here they are whole episodes
            gamma=1.0,
            gae_lambda=1.0,
            ent_coef=ent_coef,
            vf_coef=0.0,
            max_grad_norm=max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            rollout_buffer_class=GroupBuffer,
            rollout_buffer_kwargs={"groups": groups, "n_domains": len(technique.levels)},
            policy_kwargs=arguments,
            seed=seed,
            device=device,
        )

    def _setup_model(self) -> None:
        super()._setup_model()
        self.reference = copy.deepcopy(dict(self.policy.state_dict())) if self.kl_coef else {}

    def starts(self, groups: int) -> np.ndarray:
        """Return the seed of each env's episode in the rollout to come: a function of run, update and group alone."""
        seeds = np.random.default_rng([self.seed or 0, self._n_updates]).integers(2**31, size=groups)
        return np.tile(seeds, self.n_envs // groups)

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int
    ) -> bool:
        """Play one episode in every env; False once a callback ends the training."""
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        if not self.play(env, callback, rollout_buffer, self.starts(rollout_buffer.groups)):
            return False
        rollout_buffer.finish(self.scale_advantage, self.advantage_clip, self.mask_constant_groups)
        self._note_rollout(rollout_buffer)
        callback.on_rollout_end()
        return True

    def play(self, env: VecEnv, callback: BaseCallback, buffer: GroupBuffer, seeds: np.ndarray) -> bool:
        """Fill ``buffer`` with an episode of every env, begun from ``seeds`` (envs,)."""
        observations = env.restart(seeds)
        active = np.ones(env.num_envs, dtype=bool)
        while active.any():
            actions, log_probs = self._act(observations)
            following, rewards, dones, infos = env.step(actions)
            buffer.add(observations, actions.reshape(len(actions), -1), log_probs, rewards, active)
            self.num_timesteps += int(active.sum())
            ended = dones & active  # envs that ended before play on unseen until the last one has ended
            callback.update_locals({"dones": ended, "infos": infos, "rewards": rewards, "actions": actions})
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, ended)
            active &= ~dones
            observations = following
        self._last_obs = observations
        return True

    @torch.no_grad()
    def _act(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sampled actions and their log-probabilities (envs,)."""
        distribution = self.policy.get_distribution(torch.as_tensor(observations, device=self.device))
        actions = distribution.get_actions()
        log_probs = distribution.log_prob(actions)
        return actions.cpu().numpy().reshape(-1, *self.action_space.shape), log_probs.cpu().numpy()

    def _note_rollout(self, buffer: GroupBuffer) -> None:
        """Log what the episodes were like, with a histogram of the first number of their actions."""
        table = buffer.returns.reshape(-1, buffer.groups)
        self.logger.record("rollout/reward_mean", float(table.mean()))
        self.logger.record("rollout/reward_std", float(table.std()))
        self.logger.record("rollout/reward_std_within_groups", float(table.std(axis=0).mean()))
        self.logger.record("rollout/constant_groups", float((np.ptp(table, axis=0) == 0).mean()))
        self.logger.record("rollout/steps_per_episode", float(buffer.lengths.mean()))
        if len(buffer):
            self.logger.record("rollout/actions", buffer.columns["actions"][:, 0], exclude=("csv",))

    def train(self) -> None:
        """Update the policy from the rollout: ``n_epochs`` passes over shuffled minibatches."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        if self.kl_coef and len(self.rollout_buffer):
            self._remember_reference(self.rollout_buffer)
        rows: list[Metrics] = []
        for _ in range(self.n_epochs):
            if not all(self.take_step(batch, rows) for batch in self.rollout_buffer.get(self.batch_size)):
                break
        self._n_updates += 1
        self.record_means("train", rows)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self._print_line(float(np.mean([row["loss"].item() for row in rows])) if rows else 0.0)

    def _print_line(self, loss: float) -> None:
        if self.log_every and self._n_updates % self.log_every == 0:
            returns, lengths = self.rollout_buffer.returns, self.rollout_buffer.lengths
            tqdm.write(
                f"Update {self._n_updates}: Mean Reward = {returns.mean():.3f}, Reward Std = {returns.std():.3f}, "
                f"Loss = {loss:.3f}, Steps = {lengths.mean():.2f}"
            )

    @torch.no_grad()
    def _remember_reference(self, buffer: GroupBuffer) -> None:
        """Note how likely the policy of the start would have taken each action."""
        present = copy.deepcopy(dict(self.policy.state_dict()))
        self.policy.load_state_dict(self.reference)
        self.policy.set_training_mode(False)
        parts = zip(*(buffer.columns[name].split(4096) for name in ("observations", "actions")), strict=True)
        found = [self.policy.evaluate_actions(seen, self._as_taken(done))[1] for seen, done in parts]
        buffer.columns["reference_log_prob"] = torch.cat(found)
        self.policy.load_state_dict(present)
        self.policy.set_training_mode(True)

    def _as_taken(self, actions: torch.Tensor) -> torch.Tensor:
        """Return actions (batch, k) of the buffer as the policy knows them."""
        return actions.long().flatten() if isinstance(self.action_space, spaces.Discrete) else actions

    def probe_samples(self, probe: Probe) -> GroupSamples:
        """Return samples of the present policy on a probe's envs, each of its groups a group of episodes."""
        return group_samples(self, probe)

    def _loss(self, batch: GroupSamples) -> Loss:
        """Return the clipped surrogate with entropy and KL terms of any part of ``batch``."""
        actions = self._as_taken(batch.actions)

        def loss(index: Index) -> tuple[torch.Tensor, Metrics]:
            _, log_prob, entropy = self.policy.evaluate_actions(batch.observations[index], actions[index])
            log_ratio = log_prob - batch.old_log_prob[index]
            ratio, advantages = torch.exp(log_ratio), batch.advantages[index]
            clipped = torch.clamp(ratio, 1 - self.clip_range, 1 + self.clip_range)
            policy_loss = -torch.min(advantages * ratio, advantages * clipped).mean()
            entropy_loss = -torch.mean(-log_prob if entropy is None else entropy)
            from_reference = batch.reference_log_prob[index] - log_prob
            kl = (torch.exp(from_reference) - 1 - from_reference).mean()
            total = policy_loss + self.ent_coef * entropy_loss
            total = total + self.kl_coef * kl if self.kl_coef else total
            with torch.no_grad():
                metrics = {
                    "loss": total.detach(),
                    "policy_gradient_loss": policy_loss.detach(),
                    "entropy_loss": entropy_loss.detach(),
                    "approx_kl": ((ratio - 1) - log_ratio).mean(),
                    "clip_fraction": ((ratio - 1).abs() > self.clip_range).float().mean(),
                    **({"reference_kl": kl.detach()} if self.kl_coef else {}),
                }
            return total, metrics

        return loss

    def get_state(self) -> Tree:
        """Return the exact state at a rollout boundary, with the policy of the start where it still counts."""
        return {**super().get_state(), "reference": self.reference}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.reference = state["reference"]

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "reference"]
