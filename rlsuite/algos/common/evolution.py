"""OpenAI's evolution strategy as a Stable-Baselines3 algorithm, its whole population advancing in one vector env.

Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning" (2017),
https://arxiv.org/abs/1703.03864: mirrored noise, centred ranks, Adam, weight decay, normalised observations.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean
from torch.nn.utils import parameters_to_vector

from rlsuite.algos.policies.population import ESPolicy
from rlsuite.core.errors import Diverged
from rlsuite.networks.population import Population


def centred_ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks of (n,) values, n > 1, from -0.5 (lowest) to 0.5; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = counts.cumsum() - (counts + 1) / 2
    return (ranks / (len(values) - 1) - 0.5)[places]


class EvolutionStrategy(BaseAlgorithm):
    """Searches the parameters of an ``ESPolicy``; SB3's face, with ``population * episodes`` envs.

    Member m plays the envs from m * episodes on, one episode in each; members m and m + population / 2 have opposite
    noise. An env whose episode is over idles until all are, and neither its steps nor its observations count. Envs i with
    equal ``i % groups`` are ranked among themselves, so that members compare only with others on the same variation.
    A generation that the budget cuts short teaches nothing. With ``restart`` the search begins anew, from fresh parameters,
    where no episode went better than the middle one of its group: there is nothing to follow.
    """

    policy_aliases: ClassVar[dict[str, type]] = {"MlpPolicy": ESPolicy}
    policy: ESPolicy
    LOG_EVERY: ClassVar[int] = 10

    def __init__(
        self,
        policy: str | type,
        env: Any,
        learning_rate: Any = 0.05,
        population: int = 18,
        episodes: int = 1,
        sigma: float = 0.1,
        groups: int = 1,
        restart: bool = False,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: Any = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            seed=seed,
        )
        self.population, self.episodes, self.sigma, self.groups = population, episodes, sigma, groups
        self.restart = restart
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self.policy = self.policy_class(
            self.observation_space, self.action_space, self.lr_schedule, **self.policy_kwargs
        ).to(self.device)

    def learn(
        self,
        total_timesteps: int,
        callback: Any = None,
        log_interval: int = 1,
        tb_log_name: str = "ES",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> EvolutionStrategy:
        """Evolve for ``total_timesteps`` env steps, summed over the episodes of all members."""
        total, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        callback.on_training_start(locals(), globals())
        while self.num_timesteps < total:
            self._update_current_progress_remaining(self.num_timesteps, total)
            callback.on_rollout_start()
            if not self._generation(callback):
                break
            callback.on_rollout_end()
            if self._n_updates % self.LOG_EVERY == 0:
                self.dump_logs()
        callback.on_training_end()
        return self

    def _generation(self, callback: BaseCallback) -> bool:
        """Draw, evaluate and learn from one population; False once the budget or a callback ends the training."""
        centre = parameters_to_vector(self.policy.net.parameters()).detach()
        noise = torch.randn(self.population // 2, len(centre)).to(centre)
        noise = torch.cat([noise, -noise])
        returns = self.evaluate(centre + self.sigma * noise, callback)
        if returns is None:
            return False
        if self.restart and self._at_dead_end(returns):
            self.policy.begin()
        else:
            self._update(noise, self.utilities(returns))
        means = returns.mean(axis=1)
        self.logger.record("train/return_std", float(means.std()))
        self.logger.record("train/return_best", float(means.max()))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        return True

    @torch.no_grad()
    def evaluate(self, members: torch.Tensor, callback: BaseCallback | None = None) -> np.ndarray | None:
        """Play each of ``members`` (population, n); return their returns (population, episodes).

        None if the budget or the callback ended it. The observations met are taken into the normalisation.

        Raises:
            Diverged: If a return is not finite.
        """
        population, env = Population(self.policy.net, members), self.env
        seen, limit = Moments(), self._total_timesteps if callback else np.inf
        observations, alive = env.reset(), np.ones(env.num_envs, dtype=bool)
        returns = np.zeros(env.num_envs)
        while alive.any():
            if self.policy.normalizer is not None:
                seen.add(observations, alive)
            observations, rewards, dones, infos = env.step(self.policy.act(population, observations))
            returns[alive] += rewards[alive]
            self.num_timesteps += int(alive.sum())
            ended = dones & alive
            if callback is not None and not self._noted(callback, rewards, ended, infos):
                return None
            alive &= ~dones
            if self.num_timesteps >= limit and alive.any():
                return None
        if not np.isfinite(returns).all():
            raise Diverged(f"a member's return is not finite at step {self.num_timesteps}")
        if self.policy.normalizer is not None:
            self.policy.normalizer.update(seen.count, seen.total, seen.squares)
        return returns.reshape(self.population, self.episodes)

    def _noted(self, callback: BaseCallback, rewards: np.ndarray, ended: np.ndarray, infos: list) -> bool:
        """Tell the callback of one step, and remember the episodes that ended in it."""
        callback.update_locals({"dones": ended, "infos": infos, "rewards": rewards})
        if ended.any():
            self._update_info_buffer([infos[i] for i in np.flatnonzero(ended)])
        return bool(callback.on_step())

    def _at_dead_end(self, returns: np.ndarray) -> bool:
        groups = (returns.ravel()[group :: self.groups] for group in range(self.groups))
        return all(group.max() <= np.median(group) for group in groups)

    def utilities(self, returns: np.ndarray) -> np.ndarray:
        """Return the mean over its episodes of each member's centred ranks (population,), each among its group's envs."""
        flat, ranks = returns.ravel(), np.empty(returns.size)
        for group in range(self.groups):
            ranks[group :: self.groups] = centred_ranks(flat[group :: self.groups])
        return ranks.reshape(returns.shape).mean(axis=1)

    def _update(self, noise: torch.Tensor, utilities: np.ndarray) -> None:
        """Step along the estimated gradient; where no member differs there is none, and nothing moves."""
        self._n_updates += 1
        if not utilities.any():
            return
        weights = torch.as_tensor(utilities, dtype=noise.dtype, device=noise.device)
        ascent, start = weights @ noise / (len(noise) * self.sigma), 0
        for parameter in self.policy.net.parameters():
            part = ascent[start : start + parameter.numel()]
            parameter.grad, start = -part.view_as(parameter), start + parameter.numel()
        self._update_learning_rate(self.policy.optimizer)
        self.policy.optimizer.step()

    def dump_logs(self) -> None:
        """Log the last episodes."""
        if self.ep_info_buffer:
            for name, key in (("ep_rew_mean", "r"), ("ep_len_mean", "l")):
                self.logger.record(f"rollout/{name}", safe_mean([e[key] for e in self.ep_info_buffer]))
        seconds = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / seconds))
        self.logger.dump(step=self.num_timesteps)


class Moments:
    """Sums over observations of the envs that still play."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, np.zeros(1), np.zeros(1)

    def add(self, observations: np.ndarray, alive: np.ndarray) -> None:
        """Add those (n, ...) that are ``alive`` (n,)."""
        rows = observations.reshape(len(observations), -1)[alive].astype(np.float64)
        self.count += len(rows)
        self.total = self.total + rows.sum(axis=0)
        self.squares = self.squares + np.square(rows).sum(axis=0)
