"""What our SB3 learners share: building from a task, one gradient step through the technique, exact state."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from rlsuite.algos.accelerated.policies import quick
from rlsuite.algos.common.monitor import EpisodeMonitor
from rlsuite.algos.common.probe import Probe
from rlsuite.algos.common.state import agent_state, set_agent_state
from rlsuite.algos.policies.arguments import READS
from rlsuite.core.errors import Diverged
from rlsuite.core.interfaces import Agent, Loss, Metrics, Task, Technique, Tree
from rlsuite.networks.compiled import compile_layers, use_deterministic_cudnn
from rlsuite.techniques.gradients import per_variation


def training_env(task: Task, technique: Technique, n_envs: int, seed: int) -> VecEnv:
    """Return the monitored training envs: one variation level an env, those the technique asks for."""
    return EpisodeMonitor(task.vec_env(technique.levels, n_envs, seed))


class SB3Agent(BaseAlgorithm, Agent):
    """Mixin before an SB3 algorithm: exact state, and the technique hooked into the policy."""

    reads: ClassVar[Mapping[str, frozenset[str]]] = READS
    writes_log: ClassVar[bool] = True
    technique: Technique
    compiles = False
    policy_class: type[BasePolicy]
    _last_obs: np.ndarray
    _last_episode_starts: np.ndarray
    ep_info_buffer: deque[dict[str, Any]]
    ep_success_buffer: deque[bool]

    # upstream's methods come before Agent's; a checker that cannot see upstream's types would take Agent's
    if TYPE_CHECKING:

        def learn(self, *args: Any, **kwargs: Any) -> Any:
            """Learn as upstream does."""

        def predict(self, *args: Any, **kwargs: Any) -> tuple[np.ndarray, Any]:
            """Act as upstream does."""
            raise NotImplementedError

    def compute(self, compile: bool, cudnn_deterministic: bool) -> None:
        """Choose how networks are computed; before upstream's constructor builds them."""
        self.compiles = compile
        use_deterministic_cudnn(cudnn_deterministic)

    def _setup_model(self) -> None:
        # the policy is the quick subclass; model.zip names upstream's class, which others have
        named, self.policy_class = self.policy_class, quick(self.policy_class)
        super()._setup_model()
        self.policy_class = named
        self._attach()
        if self.compiles:
            compile_layers(self.policy)

    def _update_info_buffer(self, infos: Sequence[dict[str, Any]], dones: np.ndarray | None = None) -> None:
        if dones is not None:  # episodes are noted where they end
            ended = np.flatnonzero(dones)
            infos, dones = [infos[i] for i in ended], dones[ended]
        super()._update_info_buffer(infos, dones)

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.policy.optimizer.param_groups:
            if group.get("rate", 1.0) != 1.0:  # see ``EncoderPolicy``
                group["lr"] *= group["rate"]
                self.logger.record("train/encoder_learning_rate", group["lr"])

    def _attach(self) -> None:
        """Let the technique hook into the policy."""
        self.technique.attach(self.policy)

    def require_finite(self, arrays: Iterable[torch.Tensor]) -> None:
        """Check parameters or gradients.

        Raises:
            Diverged: If one of them is not finite.
        """
        if not all(bool(torch.isfinite(array).all()) for array in arrays):
            raise Diverged(f"a parameter or gradient is not finite at step {self.num_timesteps}")

    def keep_in(self, folder: Path) -> None:
        """Use ``folder`` for what is too large for a checkpoint."""

    @property
    def checkpoint_due(self) -> bool:
        """True when a checkpoint must be taken whatever the clock says."""
        return False

    def get_state(self) -> Tree:
        """Return the exact state at a rollout boundary."""
        return agent_state(self)

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        set_agent_state(self, state)

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the policy's arrays by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.policy.state_dict().items()}

    def _excluded_save_params(self) -> list[str]:
        # model.zip must be readable by plain SB3, which knows no technique
        return [
            *super()._excluded_save_params(),
            "technique",
            "rollout_buffer_class",
            "rollout_buffer_kwargs",
            "replay_buffer_class",
            "replay_buffer_kwargs",
            "legal_actions",
        ]


class Learner(SB3Agent):
    """Mixin before an SB3 algorithm. ``technique`` turns the losses of a minibatch into its gradient."""

    techniques: ClassVar[frozenset[str] | None] = None
    probes_gradients: ClassVar[bool] = True
    max_grad_norm: float | None
    target_kl: float | None = None

    def compute_gradient(self, loss: Loss, domains: torch.Tensor) -> Metrics:
        """Let the technique fill the gradients, clip them, and return what is worth logging.

        Args:
            loss: Of any part of a minibatch.
            domains: The variation (batch,) of each sample.

        Raises:
            Diverged: If the gradient's norm is not finite; the parameters are still those before the step.
        """
        parameters = [p for group in self.policy.optimizer.param_groups for p in group["params"]]
        for parameter in parameters:
            parameter.grad = None
        metrics = self.technique.backward(loss, domains, parameters)
        limit = float("inf") if self.max_grad_norm is None else self.max_grad_norm
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        value = norm.item()
        if not math.isfinite(value):
            raise Diverged(f"the gradient's norm is {value} at step {self.num_timesteps}")
        if value > 0.99 * limit - 1e-5:  # well below the limit upstream multiplies by exactly 1
            torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
        return metrics

    def take_step(self, batch: Any, rows: list[Metrics]) -> bool:
        """Take one step on a minibatch and append its metrics; False (and no step) once the policy moved too far.

        Too far is an ``approx_kl`` among the loss's metrics above 1.5 times ``target_kl``, as upstream has it.
        """
        metrics = self.compute_gradient(self._loss(batch), batch.domains)
        rows.append(metrics)
        if self.target_kl is not None and metrics["approx_kl"] > 1.5 * self.target_kl:
            return False
        self.policy.optimizer.step()
        return True

    @contextmanager
    def visiting(self, probe: Probe) -> Iterator[None]:
        """Stand where the probe does, and afterwards where it stood, as if nothing had been."""
        steps, observations, starts = self.num_timesteps, self._last_obs, self._last_episode_starts
        episodes, successes = self.ep_info_buffer, self.ep_success_buffer
        self._last_obs, self._last_episode_starts = probe.observations, probe.starts
        self.ep_info_buffer, self.ep_success_buffer = deque(), deque()
        try:
            yield
            probe.observations, probe.starts = self._last_obs, self._last_episode_starts
        finally:
            self.num_timesteps, self._last_obs, self._last_episode_starts = steps, observations, starts
            self.ep_info_buffer, self.ep_success_buffer = episodes, successes

    def probe_gram(self, probe: Probe) -> np.ndarray:
        """Return the inner products (n_groups, n_groups) of the loss's gradients on a probe's groups of envs."""
        training = self.policy.training
        with probe.look():
            batch = self.probe_samples(probe)
            self.policy.set_training_mode(True)
            found, _ = per_variation(self._loss(batch), batch.domains, list(self.policy.parameters()))
        self.policy.set_training_mode(training)
        return found.gram.astype(np.float64)

    def probe_samples(self, probe: Probe) -> Any:
        """Return samples like those of training, played on a probe's envs; ``domains`` tells each one's group."""
        raise NotImplementedError

    def _loss(self, batch: Any) -> Loss:
        """Return the loss of any part of a minibatch."""
        raise NotImplementedError

    def record_means(self, prefix: str, rows: Sequence[Metrics]) -> None:
        """Log the mean of each metric over the minibatches of an update."""
        for name in rows[0] if rows else ():
            values = [row[name] for row in rows]
            mean = torch.stack(values).mean().item() if torch.is_tensor(values[0]) else float(np.mean(values))
            self.logger.record(f"{prefix}/{name}", mean)
