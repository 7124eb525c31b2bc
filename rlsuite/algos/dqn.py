"""DQN: upstream's algorithm with the technique's seam in its update.

Mnih et al., "Human-level control through deep reinforcement learning" (2015), https://doi.org/10.1038/nature14236.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import stable_baselines3 as sb3
import torch
from torch.nn import functional as F

from rlsuite.algos.domains import DomainReplayBuffer, ReplaySamples
from rlsuite.algos.learner import Learner, training_env
from rlsuite.algos.masking import MaskedDQNPolicy, legal_actions_of, replace_illegal
from rlsuite.algos.policies import LRSchedule, Network, learning_rate_schedule, policy_arguments
from rlsuite.algos.probe import Probe, off_policy_samples
from rlsuite.contracts import Ge, Gt, Index, Le, Loss, Task, Technique, Tree


class DQN(Learner, sb3.DQN):
    """``stable_baselines3.DQN`` built from a task; equal to it bit for bit with ``technique=baseline``."""

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
        train_freq: Annotated[int, Gt(0)] = 4,
        gradient_steps: Annotated[int, Ge(-1)] = 1,
        target_update_interval: Annotated[int, Gt(0)] = 10_000,
        exploration_fraction: Annotated[float, Gt(0), Le(1)] = 0.7,
        exploration_initial_eps: Annotated[float, Ge(0), Le(1)] = 1.0,
        exploration_final_eps: Annotated[float, Ge(0), Le(1)] = 0.05,
        max_grad_norm: Annotated[float, Gt(0)] = 10.0,
        network: Network = "auto",
        features_dim: Annotated[int, Gt(0)] = 256,
        net_arch: list[int] | None = None,
        mask_actions: bool = True,
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        self.technique = technique
        self.legal_actions = legal = legal_actions_of(task, mask_actions)
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
            exploration_fraction=exploration_fraction,
            exploration_initial_eps=exploration_initial_eps,
            exploration_final_eps=exploration_final_eps,
            max_grad_norm=max_grad_norm,
            replay_buffer_class=DomainReplayBuffer,
            replay_buffer_kwargs={"n_domains": len(technique.levels)},
            policy_kwargs=policy_arguments(
                env.observation_space, network, features_dim, net_arch, legal_actions=legal
            ),
            seed=seed,
            device=device,
        )

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Act greedily or, with the rate of exploration, at random, among the legal actions."""
        actions, state = super().predict(observation, state, episode_start, deterministic)
        return (actions if deterministic else self._legalised(actions, observation)), state

    def _sample_action(self, *args: Any, **kwargs: Any) -> tuple[np.ndarray, np.ndarray]:
        actions, _ = super()._sample_action(*args, **kwargs)  # discrete: what is stored is what is done
        actions = self._legalised(actions, self._last_obs)
        return actions, actions

    def _legalised(self, actions: np.ndarray, observations: np.ndarray) -> np.ndarray:
        if self.legal_actions is None:
            return actions
        legal = self.legal_actions(observations)
        return replace_illegal(actions, legal, self.action_space.np_random.random(len(legal)))

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take ``gradient_steps`` steps on minibatches of the replay buffer."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        rows: list[dict] = []
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            metrics: dict = {}
            self.compute_gradient(self._loss(batch, metrics), batch.domains, metrics)
            self.policy.optimizer.step()
            rows.append(metrics)
        self._n_updates += gradient_steps
        self.record_means("train", rows)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def probe_samples(self, probe: Probe) -> ReplaySamples:
        """Return samples of the present policy on a probe's lanes."""
        return off_policy_samples(self, probe)

    def _loss(self, batch: ReplaySamples, metrics: dict) -> Loss:
        """Return the Huber loss of the temporal-difference error of any part of ``batch``."""
        with torch.no_grad():
            best = self.q_net_target(batch.next_observations).max(dim=1, keepdim=True).values
            targets = batch.rewards + (1 - batch.dones) * self.gamma * best
        actions = batch.actions.long()

        def loss(index: Index) -> torch.Tensor:
            values = torch.gather(self.q_net(batch.observations[index]), dim=1, index=actions[index])
            total = F.smooth_l1_loss(values, targets[index])
            metrics["loss"] = total.detach()
            return total

        return loss

    def keep_in(self, folder: Path) -> None:
        """Keep the replay buffer in memory maps under ``folder``."""
        self.replay_buffer.keep_in(folder / "replay")

    @property
    def checkpoint_due(self) -> bool:
        """True before the replay buffer would overwrite what the last checkpoints refer to."""
        return self.replay_buffer.checkpoint_due

    def get_state(self) -> Tree:
        """Return the exact state, the replay buffer's included."""
        return {**super().get_state(), "replay": self.replay_buffer.get_state()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.replay_buffer.set_state(state["replay"])
