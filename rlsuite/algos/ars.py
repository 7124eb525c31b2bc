"""ARS: sb3-contrib's augmented random search, resumed exactly.

Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning" (2018),
https://arxiv.org/abs/1803.07055.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import sb3_contrib
import torch
from annotated_types import Gt
from stable_baselines3.common.callbacks import BaseCallback
from torch.nn.utils import parameters_to_vector

from rlsuite.algos.common.learner import SB3Agent, training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.core.interfaces import Task, Technique, Tree


class ARS(SB3Agent, sb3_contrib.ARS):
    """``sb3_contrib.ARS`` built from a task; with one env and ``technique=baseline`` equal to it bit for bit.

    Members play one after the other, each ``n_eval_episodes`` in every env. With several envs upstream counts each
    step once an env too often; here steps are counted once. It does not mask illegal actions.
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
        n_envs: Annotated[int, Gt(0)] = 1,
        policy: Literal["linear", "mlp"] = "linear",
        n_delta: Annotated[int, Gt(0)] = 8,
        n_top: Annotated[int, Gt(0)] | None = None,
        learning_rate: Annotated[float, Gt(0)] = 0.02,
        lr_schedule: LRSchedule = "constant",
        delta_std: Annotated[float, Gt(0)] = 0.05,
        zero_policy: bool = True,
        alive_bonus_offset: float = 0.0,
        n_eval_episodes: Annotated[int, Gt(0)] = 1,
        net_arch: list[int] | None = None,
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        self.technique, self.going = technique, True
        super().__init__(
            "LinearPolicy" if policy == "linear" else "MlpPolicy",
            env,
            n_delta=n_delta,
            n_top=n_top,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            delta_std=delta_std,
            zero_policy=zero_policy,
            alive_bonus_offset=alive_bonus_offset,
            n_eval_episodes=n_eval_episodes * n_envs,
            policy_kwargs={"net_arch": net_arch} if policy == "mlp" and net_arch else None,
            seed=seed,
            device=device,
        )

    def _attach(self) -> None:
        # takes no step of its own: it carries the learning rate and the hooks of techniques
        self.policy.optimizer = torch.optim.SGD(self.policy.parameters(), lr=self.lr_schedule(1))
        super()._attach()

    def learn(  # the order is upstream's
        self,
        total_timesteps: int,
        callback: Any = None,
        log_interval: int = 1,
        tb_log_name: str = "ARS",
        reset_num_timesteps: bool = True,
        **kwargs: object,
    ) -> ARS:
        """Learn as upstream does, with the schedules' progress right after a restart too."""
        total, callback = self._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name)
        callback.on_training_start(locals(), globals())
        while self.going and self.num_timesteps < total:
            self._update_current_progress_remaining(self.num_timesteps, total)
            callback.on_rollout_start()  # before the noise is drawn, so that a checkpoint taken here is exact
            self._regularise()
            self._do_one_update(Begun(callback), None)
            self.require_finite([self.weights])
            self.dump_logs()
        callback.on_training_end()
        return self

    def _regularise(self) -> None:
        """Let the technique act on the weights as it would before a step of the optimizer."""
        self._update_learning_rate(self.policy.optimizer)
        for parameter in self.policy.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.policy.optimizer.step()
        self.weights = parameters_to_vector(self.policy.parameters()).detach()

    def _trigger_callback(
        self, _locals: dict[str, Any], _globals: dict[str, Any], callback: BaseCallback, n_envs: int
    ) -> None:
        """Count one step of one env."""
        self.num_timesteps += 1
        callback.update_locals(
            {"dones": [_locals["done"]], "infos": [_locals["info"]], "rewards": [_locals["reward"]]}
        )
        self.going = callback.on_step() and self.going

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.weights = parameters_to_vector(self.policy.parameters()).detach()


class Begun:
    """A callback whose rollout has begun already."""

    def __init__(self, callback: BaseCallback) -> None:
        self.update_locals, self.on_step = callback.update_locals, callback.on_step
        self.on_rollout_end = callback.on_rollout_end

    def on_rollout_start(self) -> None:
        """Nothing: it has begun."""
