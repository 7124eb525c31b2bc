"""An actor-critic that learns in imagination alone: real steps teach a model, the model teaches the policy.

Sutton's Dyna (1991), https://doi.org/10.1145/122344.122377, with what keeps a policy from living off the model's mistakes: an
ensemble, short episodes that begin at places really visited, and a warm-up of real steps before the first imagined one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import stable_baselines3 as sb3
import torch
from annotated_types import Ge, Gt, Le
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.nn import functional as F

from rlsuite.algos.buffers.transitions import Transitions
from rlsuite.algos.common.learner import SB3Agent, training_env
from rlsuite.algos.common.schedules import LRSchedule, learning_rate_schedule
from rlsuite.algos.world_models.settings import EnsembleSettings, ImaginationSettings
from rlsuite.core.errors import Diverged, UserError
from rlsuite.core.interfaces import Task, Technique, Tree
from rlsuite.networks.standardised import StandardisedFeatures
from rlsuite.worldmodel.advantages import advantages
from rlsuite.worldmodel.ensemble import Ensemble
from rlsuite.worldmodel.imagined import ImaginedVecEnv, action_vectors

BATCH = 256  # steps of a member in an update of the model


class WorldModelDyna(SB3Agent, sb3.A2C):
    """``stable_baselines3.A2C``'s policy and loss, on imagined rollouts; only real steps are counted.

    Args:
        task: what is played; its observations are vectors.
        technique: hooks into the policy; see ``techniques``.
        seed: decides everything random.
        device: where networks are.
        n_envs: real envs.
        n_steps: real steps an env between two updates.
        warm_up: real steps before the first update.
        learning_rate: of the policy.
        lr_schedule: its shape.
        gamma: discount.
        gae_lambda: of the advantages.
        ent_coef: weight of the entropy.
        vf_coef: weight of the critic's loss.
        max_grad_norm: of the policy's gradient.
        net_arch: layers of actor and critic.
        reward_scale: rewards are multiplied by it before anything learns from them.
        model: see ``EnsembleSettings``.
        imagination: see ``ImaginationSettings``.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline", "reg", "dr"})
    reads: ClassVar[Mapping[str, frozenset[str]]] = {"model.members": frozenset({"vector"})}

    _last_obs: np.ndarray

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 5,
        n_steps: Annotated[int, Gt(0)] = 50,
        warm_up: Annotated[int, Ge(0)] = 500,
        learning_rate: Annotated[float, Gt(0)] = 1e-3,
        lr_schedule: LRSchedule = "constant",
        gamma: Annotated[float, Ge(0), Le(1)] = 0.99,
        gae_lambda: Annotated[float, Ge(0), Le(1)] = 0.95,
        ent_coef: float = 0.01,
        vf_coef: float = 0.5,
        max_grad_norm: Annotated[float, Gt(0)] = 0.5,
        net_arch: list[int] | None = None,
        reward_scale: Annotated[float, Gt(0)] = 1.0,
        model: EnsembleSettings = EnsembleSettings(),
        imagination: ImaginationSettings = ImaginationSettings(),
    ) -> None:
        env = training_env(task, technique, n_envs, seed)
        if not isinstance(env.observation_space, spaces.Box) or len(env.observation_space.shape) != 1:
            raise UserError(
                f"algo=world_model_dyna imagines vectors, not {env.observation_space}; take algo=world_model"
            )
        self.technique, self.reward_scale, self.warm_up = technique, reward_scale, warm_up
        self.model_updates, self.imagined_batches = model.updates, imagination.batches
        super().__init__(
            "MlpPolicy",
            env,
            learning_rate=learning_rate_schedule(learning_rate, lr_schedule),
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_rms_prop=False,
            policy_kwargs={"net_arch": net_arch, "features_extractor_class": StandardisedFeatures},
            seed=seed,
            device=device,
        )
        vectors = action_vectors(torch.as_tensor(np.array([env.action_space.sample()])), env.action_space)
        size = env.observation_space.shape[0]
        self.ensemble = Ensemble(size, vectors.shape[1], model.members, model.hidden).to(self.device)
        self.model_optimizer = torch.optim.Adam(self.ensemble.parameters(), lr=model.rate)
        self.transitions = Transitions(size, vectors.shape[1], self.device)
        self.imagined = ImaginedVecEnv(
            self.ensemble,
            self.transitions.starts,
            imagination.n_envs,
            imagination.horizon,
            env.observation_space,
            env.action_space,
        )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int
    ) -> bool:
        """Play ``n_rollout_steps`` real steps in every env and keep them; False once a callback ends the training."""
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        for _ in range(n_rollout_steps):
            with torch.no_grad():
                seen = torch.as_tensor(self._last_obs, device=self.device)
                chosen = self.policy.get_distribution(seen).get_actions()
            actions = self._within(chosen.cpu().numpy())
            new_obs, rewards, dones, infos = env.step(actions)
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            following, terminated = np.array(new_obs), dones.copy()
            for i in np.flatnonzero(dones):
                following[i] = infos[i]["terminal_observation"]
                terminated[i] = not infos[i].get("TimeLimit.truncated", False)
            vectors = action_vectors(torch.as_tensor(actions), self.action_space).numpy()
            self.transitions.add(self._last_obs, vectors, following, rewards * self.reward_scale, terminated)
            self._last_obs, self._last_episode_starts = new_obs, dones
        callback.on_rollout_end()
        return True

    def _within(self, actions: np.ndarray) -> np.ndarray:
        """Return actions as the env takes them: a Gaussian's are clipped, as upstream does."""
        if isinstance(self.action_space, spaces.Box):
            return np.clip(actions, self.action_space.low, self.action_space.high)
        return actions

    def train(self) -> None:
        """Improve the model on all real steps, then the policy in the model; until ``warm_up`` is over, nothing."""
        if self.num_timesteps < self.warm_up:
            return
        if not self._n_updates:
            past = self.transitions.everything()
            self.ensemble.fit(past.observations, past.following)
            self.policy.features_extractor.units.fit(past.observations)
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        self._judge_model()
        self._improve_model()
        rows = [self._improve_policy() for _ in range(self.imagined_batches)]
        for name in rows[0]:
            self.logger.record(name, float(np.mean([row[name] for row in rows])))
        self._n_updates += 1
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _judge_model(self) -> None:
        """Log how well the model predicts the newest steps, which it has not learnt from, beside saying that nothing changes."""
        batch = self.transitions.newest(self.n_steps * self.n_envs)
        none = torch.zeros(len(batch.rewards), dtype=torch.long, device=self.device)
        following, _, ends = self.ensemble.step(batch.observations, batch.actions, none)
        scale = self.ensemble.change_std
        for name, guess in (("error_1", following), ("persistence_1", batch.observations)):
            self.logger.record(f"model/{name}", F.mse_loss(guess / scale, batch.following / scale).item())
        self.logger.record("model/ends_right", ((ends > 0.5) == batch.terminated).float().mean().item())

    def _improve_model(self) -> None:
        """Take the model's gradient steps, each member on rows of its own."""
        losses = []
        for _ in range(self.model_updates):
            found = self.ensemble.loss(*self.transitions.sample(self.ensemble.members, BATCH))
            self.model_optimizer.zero_grad(set_to_none=True)
            torch.stack(list(found.values())).sum().backward()
            self.model_optimizer.step()
            losses.append([value.item() for value in found.values()])
        means = np.mean(losses, axis=0)
        if not np.isfinite(means).all():
            raise Diverged(f"the model's losses are {means} at step {self.num_timesteps}")
        for name, value in zip(found, means, strict=True):
            self.logger.record(f"model/{name}_loss", float(value))

    def _improve_policy(self) -> dict[str, float]:
        """Imagine a rollout and take one gradient step on it; return what is worth logging."""
        seen, chosen, gains, returns = self.imagine()
        values, log_probs, entropy = self.policy.evaluate_actions(seen, chosen)
        gains = (gains - gains.mean()) / (gains.std() + 1e-8)
        policy_loss = -(gains * log_probs).mean()
        value_loss = F.mse_loss(values.flatten(), returns)
        assert entropy is not None
        loss = policy_loss + self.vf_coef * value_loss - self.ent_coef * entropy.mean()
        self.policy.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.require_finite([norm])
        self.policy.optimizer.step()
        found = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy.mean()}
        return {f"train/{name}": value.item() for name, value in found.items()} | {
            "gradients/policy": norm.item()
        }

    @torch.no_grad()
    def imagine(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Play one rollout in the model with the present policy.

        Returns:
            Observations (B, n), actions (B, ...), advantages (B,) and returns (B,) of horizon x envs steps.
        """
        env, steps = self.imagined, []
        seen = env.begin()
        for _ in range(env.horizon):
            chosen, values, _ = self.policy(seen)
            now, rewards, terminated, ended, following = env.advance(chosen)
            steps.append((seen, chosen, rewards, values.flatten(), terminated, ended, following))
            seen = now
        observations, actions, rewards, values, terminated, ended, following = (
            torch.stack(part) for part in zip(*steps, strict=True)
        )
        cut = self.policy.predict_values(
            following[-1]
        ).flatten()  # at the horizon, the last step, all envs are cut off at most
        after = torch.cat([values[1:], cut[None]])
        after = torch.where(ended & ~terminated, self._values(following), after)
        gains = advantages(rewards, values, after, terminated, ended, self.gamma, self.gae_lambda)
        return observations.flatten(0, 1), actions.flatten(0, 1), gains.flatten(), (gains + values).flatten()

    def _values(self, observations: Tensor) -> Tensor:
        return self.policy.predict_values(observations.flatten(0, 1)).view(observations.shape[:2])

    def learn(self, *args: object, log_interval: int = 1, **kwargs: object) -> WorldModelDyna:
        """Learn as upstream does, and log every update."""
        return super().learn(*args, log_interval=log_interval, **kwargs)

    def get_state(self) -> Tree:
        """Return the exact state, with the model and all real steps."""
        return {
            **super().get_state(),
            "ensemble": self.ensemble.state_dict(),
            "model_optimizer": self.model_optimizer.state_dict(),
            "transitions": self.transitions.get_state(),
        }

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.ensemble.load_state_dict(state["ensemble"])
        self.model_optimizer.load_state_dict(state["model_optimizer"])
        self.transitions.set_state(state["transitions"])

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "ensemble", "model_optimizer", "transitions", "imagined"]
