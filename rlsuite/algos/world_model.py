"""A2C in the latent space of a world model that is learnt beside it: vision, memory, planning.

Actor and critic see only (z, h) (Ha and Schmidhuber 2018, https://arxiv.org/abs/1803.10122), and no gradient of theirs reaches
the model. What a step is executed by is one distribution, actor and plan blended, and it is the one whose log-probability is
trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from rlsuite.algos.world_models.controller_learning import ControllerLearner, Update
from rlsuite.algos.world_models.latent_rollout import LatentRollout
from rlsuite.algos.world_models.model_learning import ModelLearner
from rlsuite.algos.world_models.policy import BatchMemory, Decision, WorldModelPolicy
from rlsuite.core.interfaces import Task, Technique, Tree
from rlsuite.networks.compiled import use_deterministic_cudnn
from rlsuite.worldmodel.planner import Planning
from rlsuite.worldmodel.quantizer import Quantizer
from rlsuite.worldmodel.sequences import SequenceReplay
from rlsuite.worldmodel.vision import Pool


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
        model_rate: the model's learning rate, as a multiple of it.
        n_steps: steps an env between updates.
        gamma: discount.
        gae_lambda: of the advantages.
        vf_coef: weight of the critic's loss.
        ent_coef: weight of the entropy.
        memory_coef: weight of memory's and the heads' loss beside vision's.
        max_grad_norm: of controllers and of the model, each for itself.
        update: ``a2c``: one pass over the rollout; ``ppo``: ``n_epochs`` passes with a clipped ratio; ``reinforce``: one pass
            by returns instead of advantages, Monte Carlo ones if ``gae_lambda`` is 1.
        controller: hidden layers of actor and critic; none: both are linear.
        n_epochs: passes of ``ppo``.
        batch_size: steps in a minibatch of either.
        clip_range: of the ratio of ``ppo``.
        reward_scale: rewards are multiplied by it before anything learns from them.
        warm_up: steps before the first update, on which vision takes its units and the model begins.
        warm_up_updates: updates of the model then.
        model_updates: of the model after each rollout.
        model_batch: pieces of the past in an update of the model.
        model_length: steps of a piece.
        replay: steps that are kept for the model, of all envs together.
        quantizer: what codes are: ``vq``, ``fsq`` or ``continuous``.
        groups: codes of a vector observation; pictures have a grid.
        codes: in a book; levels of ``fsq``.
        code_dim: numbers of a code.
        vision_hidden: width of vision's layers.
        vision_pool: of pictures: ``grid`` keeps each place's code, ``mean`` averages the encodings to a single code.
        train_vision: false leaves it as it was initialised.
        memory_width: numbers of h.
        memory_layers: of the transformer; 0: h is a function of the present alone.
        memory_heads: of its attention.
        memory_window: tokens each layer reaches back.
        train_memory: false leaves memory and heads as they were initialised.
        vision: file of ``rlsuite.pretrain model=vision`` to begin with; its settings win over those above.
        memory: file of ``model=memory``, which holds its vision too.
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
        model_rate: Annotated[float, Gt(0)] = 1.0,
        n_steps: Annotated[int, Gt(0)] = 128,
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.95,
        vf_coef: float = 0.5,
        ent_coef: float = 0.01,
        memory_coef: float = 0.1,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        update: Update = "a2c",
        controller: Sequence[Annotated[int, Gt(0)]] = (128, 64),
        n_epochs: Annotated[int, Gt(0)] = 4,
        batch_size: Annotated[int, Gt(1)] = 128,
        clip_range: Annotated[float, Gt(0)] = 0.2,
        reward_scale: Annotated[float, Gt(0)] = 1.0,
        warm_up: Annotated[int, Gt(0)] = 1024,
        warm_up_updates: Annotated[int, Ge(0)] = 300,
        model_updates: Annotated[int, Ge(0)] = 10,
        model_batch: Annotated[int, Gt(0)] = 16,
        model_length: Annotated[int, Gt(1)] = 32,
        replay: Annotated[int, Gt(0)] = 20_000,
        quantizer: Quantizer = "vq",
        groups: Annotated[int, Gt(0)] = 8,
        codes: Annotated[int, Gt(1)] = 32,
        code_dim: Annotated[int, Gt(0)] = 4,
        vision_hidden: Annotated[int, Gt(0)] = 64,
        vision_pool: Pool = "grid",
        train_vision: bool = True,
        memory_width: Annotated[int, Gt(0)] = 64,
        memory_layers: Annotated[int, Ge(0)] = 2,
        memory_heads: Annotated[int, Gt(0)] = 4,
        memory_window: Annotated[int, Gt(0)] = 16,
        train_memory: bool = True,
        vision: str | None = None,
        memory: str | None = None,
        planning: Planning | None = None,
        cudnn_deterministic: bool = True,
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        use_deterministic_cudnn(cudnn_deterministic)
        self.technique, self.memory_coef, self.reward_scale = technique, memory_coef, reward_scale
        self.planning = planning or Planning()
        self.update, self.n_epochs, self.batch_size, self.clip_range = (
            update,
            n_epochs,
            batch_size,
            clip_range,
        )
        self.warm_up, self.warm_up_updates, self.model_updates = warm_up, warm_up_updates, model_updates
        self.model_batch, self.model_length = model_batch, model_length
        self.train_vision, self.train_memory = train_vision, train_memory
        sizes = {
            "memory": dict(
                width=memory_width, layers=memory_layers, heads=memory_heads, window=memory_window
            ),
            "vision": {
                "kind": quantizer,
                "groups": groups,
                "codes": codes,
                "dim": code_dim,
                "hidden": vision_hidden,
                "pool": vision_pool,
            },
            "controller": list(controller),
        }
        more = {
            "gamma": gamma,
            "planning": self.planning,
            "model_rate": model_rate,
            "pretrained": memory or vision,
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
        rows, seen = max(replay // n_envs, n_steps), env.observation_space
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
        """Return what the envs' past leaves, by today's weights: nothing computed by older ones goes on."""
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
