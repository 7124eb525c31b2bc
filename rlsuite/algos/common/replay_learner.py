"""What our learners with a replay buffer share: the update, legal exploration, and a buffer that survives a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from rlsuite.algos.buffers.replay import DomainReplayBuffer, ReplaySamples
from rlsuite.algos.buffers.stacked_frames import FrameReplayBuffer
from rlsuite.algos.common.learner import Learner
from rlsuite.algos.common.probe import Probe, off_policy_samples
from rlsuite.algos.policies.masking import LegalActions, replace_illegal
from rlsuite.core.interfaces import Metrics, Task, Technique, Tree


def replay_arguments(task: Task, technique: Technique, **settings: Any) -> dict[str, Any]:
    """Return SB3's arguments for a replay buffer over the technique's levels; stacks of frames are kept as frames."""
    kind: type[DomainReplayBuffer] = DomainReplayBuffer
    frames = task.frame_stack
    if frames > 1:
        kind, settings = FrameReplayBuffer, {**settings, "frames": frames}
    return {
        "replay_buffer_class": kind,
        "replay_buffer_kwargs": {"n_domains": len(technique.levels), **settings},
    }


class ReplayLearner(Learner, OffPolicyAlgorithm):
    """Mixin before an SB3 algorithm of discrete actions that learns from a ``DomainReplayBuffer``."""

    legal_actions: LegalActions | None
    replay_buffer: DomainReplayBuffer

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

    def _sample_action(self, *args: object, **kwargs: object) -> tuple[np.ndarray, np.ndarray]:
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
        rows: list[Metrics] = []
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            rows.append(self.compute_gradient(self._loss(batch), batch.domains))
            self.policy.optimizer.step()
        self._n_updates += gradient_steps
        self.record_means("train", rows)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def probe_samples(self, probe: Probe) -> ReplaySamples:
        """Return samples of the present policy on a probe's envs."""
        return off_policy_samples(self, probe)

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
