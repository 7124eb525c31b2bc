"""The learnt model as an env: SB3's ``VecEnv``, whose episodes start at real observations and last a few steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices
from torch import Tensor
from torch.nn import functional as F

from rlsuite.worldmodel.ensemble import Ensemble


class ImaginedVecEnv(VecEnv):
    """Envs that play in an ensemble: ``reset`` and ``step`` as in any vector env, and ``advance`` on tensors.

    An episode is ``terminated`` where the model's probability of it is above 1/2, and truncated after ``horizon`` steps, since
    errors add up. The env is then reset to an observation of the real env.

    Args:
        ensemble: the learnt dynamics.
        starts: returns n observations (n, ...) to start at.
        n_envs: envs.
        horizon: maximum steps of an episode.
        observation_space: of the real env.
        action_space: of the real env; ``Discrete``, or a ``Box``.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        starts: Callable[[int], Tensor],
        n_envs: int,
        horizon: int,
        observation_space: spaces.Box,
        action_space: spaces.Space,
    ) -> None:
        self.render_mode = None
        super().__init__(n_envs, observation_space, action_space)
        self.ensemble, self.starts, self.horizon = ensemble, starts, horizon
        self.observations = torch.zeros(n_envs, ensemble.observation)
        self.elapsed = torch.zeros(n_envs, dtype=torch.long)

    def begin(self) -> Tensor:
        """Begin an episode in every env; return the observations (n, ...)."""
        self.observations = self.starts(self.num_envs)
        self.elapsed = torch.zeros(self.num_envs, dtype=torch.long, device=self.observations.device)
        return self.observations

    def advance(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Take a step by ``actions`` (n, ...), as the real env would take them.

        Returns:
            Observations, in envs that ended those of the next episode; rewards (n,); terminated (n,); ended (n,); and the
            observations before any reset.
        """
        members = torch.randint(self.ensemble.members, (self.num_envs,), device=self.observations.device)
        following, rewards, ends = self.ensemble.step(
            self.observations, action_vectors(actions, self.action_space), members
        )
        self.elapsed = self.elapsed + 1
        terminated = ends > 0.5
        ended = terminated | (self.elapsed >= self.horizon)
        self.observations = following
        if ended.any():
            self.observations = torch.where(ended[:, None], self.starts(self.num_envs), following)
            self.elapsed = self.elapsed.masked_fill(ended, 0)
        return self.observations, rewards, terminated, ended, following

    def reset(self) -> np.ndarray:
        """Begin an episode in every env."""
        self.reset_infos: list[dict[str, object]] = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return self.begin().cpu().numpy()

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, object]]]:
        """Advance every env; the last observation of an episode goes into its info."""
        actions = torch.as_tensor(self._actions, device=self.observations.device)
        seen, rewards, terminated, ended, following = (part.cpu().numpy() for part in self.advance(actions))
        infos: list[dict[str, object]] = [
            {"TimeLimit.truncated": bool(e and not t)} for e, t in zip(ended, terminated, strict=True)
        ]
        for i in np.flatnonzero(ended):
            infos[i]["terminal_observation"] = following[i]
        return seen, rewards, ended, infos

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[object]:
        """Return the attribute once for each env asked for; Stable-Baselines3 names it at run time."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the whole vector env."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *args: object, indices: VecEnvIndices = None, **kwargs: object
    ) -> list[object]:
        """Call the method once, by the name Stable-Baselines3 gives; every env asked for gets its result."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> Sequence[bool]:
        """Envs are no gymnasium envs, so none is wrapped."""
        return [False for _ in self._get_indices(indices)]


def action_vectors(actions: Tensor, space: spaces.Space) -> Tensor:
    """Return actions as vectors (n, a): one-hot, or scaled from the bounds to [-1, 1]."""
    if isinstance(space, spaces.Discrete):
        return F.one_hot(actions.long().flatten(), int(space.n)).float()
    assert isinstance(space, spaces.Box)
    low, high = (torch.as_tensor(bound, device=actions.device) for bound in (space.low, space.high))
    return (2 * (actions.clamp(low, high) - low) / (high - low) - 1).flatten(1)
