"""A2C in the latent space of a world model that is learnt beside it: vision, memory, planning.

Actor and critic see only (z, h) (Ha and Schmidhuber 2018, https://arxiv.org/abs/1803.10122), and no gradient of theirs reaches
the model. What a step is executed by is one distribution, actor and plan blended, and it is the one whose log-probability is
trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import stable_baselines3 as sb3
import torch
from annotated_types import Ge, Gt, Le
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from rlsuite.algos.common.learner import SB3Agent, training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.world_models.controller_learning import ControllerLearner
from rlsuite.algos.world_models.latent_rollout import LatentRollout
from rlsuite.algos.world_models.model_learning import ModelLearner
from rlsuite.algos.world_models.policy import BatchMemory, Decision, WorldModelPolicy
from rlsuite.algos.world_models.settings import (
    ControllerSettings,
    MemorySettings,
    ModelTrainingSettings,
    VisionSettings,
)
from rlsuite.core.interfaces import Task, Technique, Tree
from rlsuite.networks.compiled import use_deterministic_cudnn
from rlsuite.worldmodel.planner import Planning
from rlsuite.worldmodel.sequences import SequenceReplay


class WorldModel(ControllerLearner, ModelLearner, SB3Agent, sb3.A2C):
    """Actor, critic and world model, learnt together; one setting each for what is left out or untrained.

    Args:
        task: what is played.
        technique: hooks into the policy; see ``techniques``.
        seed: decides everything random.
        device: where networks are.
        n_envs: envs.
        learning_rate: of actor and critic.
        lr_schedule: its shape.
        n_steps: steps an env between updates.
        gamma: discount.
        gae_lambda: of the advantages.
        vf_coef: weight of the critic's loss.
        ent_coef: weight of the entropy.
        max_grad_norm: of controllers and of the model, each for itself.
        reward_scale: rewards are multiplied by it before anything learns from them.
        controller: actor and critic, see ``ControllerSettings``.
        model: how the model is taught, see ``ModelTrainingSettings``.
        vision: see ``VisionSettings``.
        memory: see ``MemorySettings``.
        planning: see ``Planning``.
        cudnn_deterministic: see ``use_deterministic_cudnn``.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline", "reg", "dr"})
    reads: ClassVar[Mapping[str, frozenset[str]]] = {}
    policy: WorldModelPolicy
    _last_obs: np.ndarray
    _last_episode_starts: np.ndarray
    rollout_buffer: LatentRollout

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
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.95,
        vf_coef: float = 0.5,
        ent_coef: float = 0.01,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        reward_scale: Annotated[float, Gt(0)] = 1.0,
        controller: ControllerSettings = ControllerSettings(),
        model: ModelTrainingSettings = ModelTrainingSettings(),
        vision: VisionSettings = VisionSettings(),
        memory: MemorySettings = MemorySettings(),
        planning: Planning = Planning(),
        cudnn_deterministic: bool = True,
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        use_deterministic_cudnn(cudnn_deterministic)
        self.technique, self.reward_scale, self.planning = technique, reward_scale, planning
        self.update, self.n_epochs, self.batch_size = (
            controller.update,
            controller.n_epochs,
            controller.batch_size,
        )
        self.clip_range, self.memory_coef = controller.clip_range, model.memory_coef
        self.warm_up, self.warm_up_updates, self.model_updates = (
            model.warm_up,
            model.warm_up_updates,
            model.updates,
        )
        self.model_batch, self.model_length = model.batch, model.length
        self.train_vision, self.train_memory = vision.train, memory.train
        sizes = {
            "memory": {
                "width": memory.width,
                "layers": memory.layers,
                "heads": memory.heads,
                "window": memory.window,
            },
            "vision": {
                "kind": vision.quantizer,
                "groups": vision.groups,
                "codes": vision.codes,
                "dim": vision.code_dim,
                "hidden": vision.hidden,
                "pool": vision.pool,
            },
            "controller": list(controller.layers),
        }
        more = {
            "gamma": gamma,
            "planning": planning,
            "model_rate": model.rate,
            "pretrained": memory.path or vision.path,
        }
        super().__init__(
            WorldModelPolicy,
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_rms_prop=False,
            rollout_buffer_class=LatentRollout,
            policy_kwargs={**sizes, **more},
            seed=seed,
            device=device,
        )
        self.policy_kwargs.update(
            self.policy.sizes, pretrained=None
        )  # model.zip holds the weights, and needs no other file
        rows, seen = max(model.replay // n_envs, n_steps), env.observation_space
        self.replay = SequenceReplay(rows, n_envs, seen.shape, seen.dtype, self.policy.model.action_dim)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: LatentRollout,
        n_rollout_steps: int,
    ) -> bool:
        """Play ``n_rollout_steps`` in every env with the blended policy; False once a callback ends the training."""
        assert self._last_obs is not None
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        planning = self.planning
        self.policy.plans.fill_(
            bool(self.policy.fitted and planning.horizon and self.num_timesteps >= planning.start_step)
        )
        envs = self.remembered()
        for _ in range(n_rollout_steps):
            with torch.no_grad():
                latent = self.policy.see(self._last_obs, envs, self._last_episode_starts)
                decision = self.policy.decide(latent)
            vectors = self.policy.controller.vectors(decision.choices)
            new_obs, rewards, dones, infos = env.step(
                self.policy.controller.env_actions(decision.choices).cpu().numpy()
            )
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            self._keep(decision, vectors, envs, rewards * self.reward_scale, dones, infos)
            envs = BatchMemory(latent.memory, vectors)
            self._last_obs, self._last_episode_starts = new_obs, dones
        with torch.no_grad():  # memory does not advance by this: the next rollout looks again
            latent = self.policy.see(self._last_obs, envs, self._last_episode_starts)
            rollout_buffer.finish(self.policy.controller.value(latent.features))
        callback.on_rollout_end()
        return True

    def remembered(self) -> BatchMemory:
        """Return what the envs' past leaves, by today's weights: nothing computed by older ones continues."""
        if not len(self.replay):
            return self.policy.begin(self.n_envs)
        past = self.replay.last(self.policy.model.memory.span, self.device)
        return BatchMemory(self.policy.model.remember(past), past.actions[:, -1])

    def _keep(
        self,
        decision: Decision,
        vectors: Tensor,
        envs: BatchMemory,
        rewards: np.ndarray,
        dones: np.ndarray,
        infos: Any,
    ) -> None:
        """Add a step to the rollout and to what the model learns from; the envs' observations are still those before it."""
        cut = np.zeros(len(dones), dtype=bool)
        values, last = torch.zeros_like(decision.values), None
        for i in np.flatnonzero(dones):
            cut[i] = infos[i].get("TimeLimit.truncated", False)
            if cut[i]:
                last = np.array(self._last_obs) if last is None else last
                last[i] = infos[i]["terminal_observation"]
        if last is not None:
            with torch.no_grad():
                seen = self.policy.see(last, BatchMemory(decision.latent.memory, vectors), np.zeros_like(cut))
                values = self.policy.controller.value(seen.features)
        self.rollout_buffer.add(decision, rewards, dones & ~cut, dones, values)
        starts = self._last_episode_starts
        previous = envs.previous.cpu().numpy() * ~starts[:, None]
        self.replay.add(
            observations=self._last_obs,
            actions=vectors.cpu().numpy(),
            previous=previous,
            rewards=rewards,
            starts=starts,
            terminated=dones & ~cut,
            ended=dones,
        )

    def train(self) -> None:
        """Improve actor and critic on the rollout, then the model on the past; until ``warm_up`` is over, nothing."""
        self.policy.set_training_mode(True)
        self._update_rates()
        if not self.policy.fitted:
            if self.num_timesteps >= self.warm_up:
                self._begin_model()
            return
        self._look_ahead()
        self._improve_controller()
        self._improve_model(self.model_updates)
        self._n_updates += 1
        if self.ep_info_buffer:
            self.logger.record(
                "train/mean_episode_reward", float(np.mean([e["r"] for e in self.ep_info_buffer]))
            )
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _update_rates(self) -> None:
        rate = self.lr_schedule(self._current_progress_remaining)
        for group in self.policy.optimizer.param_groups:
            group["lr"] = rate * group["rate"]
        self.logger.record("train/learning_rate", rate)

    def learn(self, *args: object, log_interval: int = 1, **kwargs: object) -> WorldModel:
        """Learn as upstream does, and log every update."""
        return super().learn(*args, log_interval=log_interval, **kwargs)

    def get_state(self) -> Tree:
        """Return the exact state, with the past that the model learns from and the memory is made of."""
        return {**super().get_state(), "replay": self.replay.get_state()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.replay.set_state(state["replay"])

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "replay"]
