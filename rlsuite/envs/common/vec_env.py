"""Vector envs whose envs are advanced by one vectorised call, with exact state and per-env levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from rlsuite.core.interfaces import Tree
from rlsuite.envs.common.infos import BatchedInfos


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Return the variation levels as floats.

    Raises:
        ValueError: If there is none, or one lies outside [0, 1].
    """
    values = tuple(float(level) for level in levels)
    if not values or not all(0.0 <= v <= 1.0 for v in values):
        raise ValueError(
            f"variation levels must lie in [0, 1] and there must be at least one, not {list(levels)}"
        )
    return values


class BatchedVecEnv(VecEnv):
    """Base of our vector envs: env i plays ``levels[i % len(levels)]`` and owns random stream i.

    A subclass implements ``_start``, ``_advance`` and ``_observe`` on all envs at once, names in
    ``state_arrays`` the ndarray attributes that hold its episodes, and calls ``super().__init__``. Envs restart
    on their own; random streams are those of ``gymnasium.Env.reset(seed)``, so an env equals a single env.
    """

    state_arrays: ClassVar[tuple[str, ...]] = ()
    rests: ClassVar[bool] = False  # whether an env can stand still, at no cost, once its episode has ended
    resting = False

    def __init__(
        self, levels: Sequence[float], n_envs: int, observation_space: gym.Space, action_space: gym.Space
    ) -> None:
        levels = check_levels(levels)
        self.render_mode = None
        super().__init__(n_envs, observation_space, action_space)
        self.env_levels = np.array([levels[i % len(levels)] for i in range(n_envs)])
        self.rngs = [np.random.default_rng() for _ in range(n_envs)]

    def _start(self, envs: np.ndarray) -> None:
        """Begin a new episode in each of ``envs`` (k,) int."""
        raise NotImplementedError

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        """Apply ``actions``; return rewards, terminated, truncated and info arrays, each (n_envs,)."""
        raise NotImplementedError

    def _observe(self) -> np.ndarray:
        """Return fresh observations (n_envs, ...)."""
        raise NotImplementedError

    def _episode_info(self, env: int) -> dict[str, Any]:
        """Return extra entries for the info of an env whose episode has just ended."""
        return {}

    def reset(self) -> np.ndarray:
        """Begin an episode in every env; pending ``seed()``s re-seed the envs' streams."""
        for i, (seed, options) in enumerate(zip(self._seeds, self._options, strict=True)):
            if seed is not None:
                self._seed_env(i, seed)
            self._use_options(i, options or {})
        self._reset_seeds()
        self._reset_options()
        self.resting = False
        self.reset_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        self._start(np.arange(self.num_envs))
        return self._observe()

    def restart(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin an episode in every env from a seed (n_envs,) of its own; return the observations.

        Envs of one level with the same seed start alike and, for the same actions, go on alike. Where envs can rest, those
        that end wait for the next ``restart``; elsewhere they begin anew, as always.
        """
        self.resting = self.rests
        for env, seed in enumerate(seeds):
            self._seed_env(env, int(seed))
        self._start(np.arange(self.num_envs))
        return self._observe()

    def _seed_env(self, env: int, seed: int) -> None:
        """Restart the random stream of one env."""
        self.rngs[env] = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))

    def _use_options(self, env: int, options: Mapping[str, Any]) -> None:
        """Take ``reset(options=...)`` of one env: ``level`` sets the variation it plays from now on."""
        if "level" in options:
            self.env_levels[env] = check_levels([options["level"]])[0]

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sequence[dict[str, Any]]]:
        """Advance every env; an env that ended restarts and its last observation goes into its info."""
        rewards, terminated, truncated, info = self._advance(np.asarray(self._actions))
        dones = terminated | truncated
        infos = BatchedInfos({"TimeLimit.truncated": truncated & ~terminated, **info})
        observations = self._observe()
        ended = np.flatnonzero(dones)
        if len(ended):
            for i in ended:
                infos[i].update(self._episode_info(i), terminal_observation=observations[i])
            if not self.resting:
                self._start(ended)
                observations = self._observe()
        return observations, rewards.astype(np.float32), dones, infos

    def get_state(self) -> Tree:
        """Return everything an env's future depends on."""
        return {
            "rngs": [rng.bit_generator.state for rng in self.rngs],
            "levels": self.env_levels.copy(),
            "arrays": {name: getattr(self, name).copy() for name in self.state_arrays},
        }

    def set_state(self, state: Tree) -> None:
        """Continue exactly where ``get_state`` was called; no reset is pending afterwards."""
        for rng, saved in zip(self.rngs, state["rngs"], strict=True):
            rng.bit_generator.state = saved
        self.env_levels = state["levels"]
        for name, value in state["arrays"].items():
            setattr(self, name, value)
        self._reset_seeds()
        self._reset_options()

    def close(self) -> None:
        """Nothing is held open."""

    def _env_indices(self, indices: Any) -> Sequence[int]:
        return list(self._get_indices(indices))

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return the attribute once for each env asked for."""
        return [getattr(self, attr_name) for _ in self._env_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the whole vector env."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call the method once; every env asked for gets its result."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result for _ in self._env_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Envs are no gymnasium envs, so none is wrapped."""
        return [False for _ in self._env_indices(indices)]


class SingleEnv(gym.Env):
    """One env as an ordinary Gymnasium env: 5-tuples, ``reset(seed, options={'level': ...})``.

    The episode that ends is not restarted until ``reset``, as Gymnasium asks.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(self, vec_env: BatchedVecEnv) -> None:
        if vec_env.num_envs != 1:
            raise ValueError(f"a single env needs a vector env of 1 env, not {vec_env.num_envs}")
        self.vec_env = vec_env
        self.observation_space = vec_env.observation_space
        self.action_space = vec_env.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict]:
        """Begin an episode; ``seed`` re-seeds the env's stream."""
        super().reset(seed=seed)
        if seed is not None:
            self.vec_env.seed(seed)
        self.vec_env.set_options(options or {})
        return self.vec_env.reset()[0], dict(self.vec_env.reset_infos[0])

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance by one step: observation, reward, terminated, truncated, info."""
        rewards, terminated, truncated, info = self.vec_env._advance(np.asarray(action)[None])
        ended = bool(terminated[0] | truncated[0])
        extra = self.vec_env._episode_info(0) if ended else {}
        infos = BatchedInfos({"TimeLimit.truncated": truncated & ~terminated, **info})[0] | extra
        return self.vec_env._observe()[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), infos
