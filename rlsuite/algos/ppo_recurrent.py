"""Recurrent PPO: sb3-contrib's algorithm with an LSTM before policy and value, resumed exactly.

Its minibatches are sequences, not samples, so there is no seam for techniques that split them; those that need envs
or hook into the policy work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import sb3_contrib
import torch
from annotated_types import Ge, Gt, Le
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.vec_env import VecNormalize

from rlsuite.algos.common.learner import SB3Agent, training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.common.settings import ClipSettings, NormalizeSettings
from rlsuite.algos.policies.arguments import policy_arguments
from rlsuite.algos.policies.settings import GaussianNetworkSettings
from rlsuite.core.interfaces import Task, Technique, Tree
from rlsuite.core.sections import Section


@dataclass(frozen=True, kw_only=True)
class LSTMSettings(Section):
    """The recurrent layers before actor and critic."""

    hidden_size: Annotated[int, Gt(0)] = 64
    n_layers: Annotated[int, Gt(0)] = 1


class RecurrentPPO(SB3Agent, sb3_contrib.RecurrentPPO):
    """``sb3_contrib.RecurrentPPO`` built from a task; equal to it bit for bit with ``technique=baseline``.

    It does not mask illegal actions.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline", "reg", "dr"})

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
        n_steps: Annotated[int, Gt(0)] = 128,
        batch_size: Annotated[int, Gt(1)] = 128,
        n_epochs: Annotated[int, Gt(0)] = 10,
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.95,
        clip_range: ClipSettings = ClipSettings(),
        normalize: NormalizeSettings = NormalizeSettings(),
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        target_kl: Annotated[float, Gt(0)] | None = None,
        lstm: LSTMSettings = LSTMSettings(),
        network: GaussianNetworkSettings = GaussianNetworkSettings(),
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        if normalize.reward:
            env = VecNormalize(env, norm_obs=False, gamma=gamma)
        self.technique = technique
        self.compute(False, network.cudnn_deterministic)
        memory = {"lstm_hidden_size": lstm.hidden_size, "n_lstm_layers": lstm.n_layers}
        super().__init__(
            "MlpLstmPolicy",
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
            policy_kwargs={**policy_arguments(env.observation_space, network), **memory},
            seed=seed,
            device=device,
        )

    def _attach(self) -> None:
        super()._attach()
        self.policy.optimizer.register_step_pre_hook(self._check)

    def _check(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """Look at the gradients before every step, which is upstream's own.

        Raises:
            Diverged: If one is not finite; the parameters are still those before the step.
        """
        parameters = (p for group in optimizer.param_groups for p in group["params"])
        self.require_finite(p.grad for p in parameters if p.grad is not None)

    def get_state(self) -> Tree:
        """Return the exact state, that of the LSTM included (upstream never saves it)."""
        memory = self._last_lstm_states
        return {**super().get_state(), "memory": {"pi": list(memory.pi), "vf": list(memory.vf)}}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        pi, vf = (
            tuple(torch.as_tensor(part).to(self.device) for part in state["memory"][net])
            for net in ("pi", "vf")
        )
        self._last_lstm_states = RNNStates(pi, vf)
