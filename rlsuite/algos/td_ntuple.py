"""TD learning of afterstates with n-tuple networks: what holds the records of 2048, as the field's reference policy.

Szubert and Jaskowski (2014), https://doi.org/10.1109/CIG.2014.6932907: V estimates the points still to come from the board
after a move and before the new tile; each move takes argmax of points + V, which then is the target of the afterstate
before. No exploration: the game's own chance is enough. Many games are played in parallel.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt, Le
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger

from rlsuite.algos.common.learner import training_env
from rlsuite.algos.common.state import env_state, logged, set_env_state, set_logged
from rlsuite.core.errors import Diverged
from rlsuite.core.interfaces import Agent, Task, Technique, Tree
from rlsuite.networks.ntuple import NTupleNetwork

Afterstates = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Observations (n, ...) to packed boards (n, actions) uint64, the points and the legality of each move."""
PATTERNS = ((0, 1, 2, 3, 4, 5), (4, 5, 6, 7, 8, 9), (0, 1, 2, 4, 5, 6), (4, 5, 6, 8, 9, 10))


class TDNTuple(Agent):
    """Learns from the game's points whatever the reward: those of ``task.afterstates(observations)``."""

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline"})
    needs: ClassVar[frozenset[str]] = frozenset({"afterstate"})
    writes_log: ClassVar[bool] = True

    def __init__(
        self,
        *,
        task: Task,
        technique: Technique,
        seed: int,
        device: str = "cpu",
        n_envs: Annotated[int, Gt(0)] = 256,
        learning_rate: Annotated[float, Gt(0), Le(1)] = 1.0,
        n_steps: Annotated[int, Gt(0)] = 256,
        patterns: list[list[int]] | None = None,
    ) -> None:
        self.env = training_env(task, technique, n_envs, seed)
        self.observation_space, self.action_space = self.env.observation_space, self.env.action_space
        assert task.afterstates is not None  # `needs` says so
        self.afterstates: Afterstates = task.afterstates
        self.technique, self.device = technique, device
        self.learning_rate, self.n_steps = learning_rate, n_steps
        self.network = NTupleNetwork(patterns or PATTERNS)
        self.num_timesteps = 0
        self.ep_info_buffer: deque[dict] = deque(maxlen=100)
        self.set_logger(Logger(None, []))
        self.observations: Any = None  # None until the games have begun
        self.before = np.zeros(n_envs, dtype=np.uint64)  # each game's last afterstate
        self.waiting = np.zeros(n_envs, dtype=bool)  # whether it still has to learn
        self.ended = np.zeros(n_envs, dtype=bool)  # and its game is over

    def set_logger(self, logger: Logger) -> None:
        """Log to ``logger`` from now on."""
        self.logger = logger

    def keep_in(self, folder: Path) -> None:
        """Checkpoints hold only what was learned: nothing large is kept elsewhere."""

    def choose(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the best legal moves (n,), their values (n,): points and V, and their afterstates (n,)."""
        after, gains, legal = self.afterstates(observations)
        values = self.network(after.ravel()).reshape(after.shape) + gains
        values = np.where(legal, values, -np.inf)
        actions = values.argmax(axis=1)
        envs = np.arange(len(actions))
        return actions, values[envs, actions], after[envs, actions]

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Return the greedy moves; there is no other policy."""
        return self.choose(observation)[0], state

    def learn(self, total_timesteps: int, callback: Any = None, reset_num_timesteps: bool = True) -> TDNTuple:
        """Play and learn for ``total_timesteps`` moves, summed over the games."""
        callback = callback if isinstance(callback, BaseCallback) else CallbackList(callback or [])
        callback.init_callback(self)
        self.num_timesteps = 0 if reset_num_timesteps else self.num_timesteps
        until = self.num_timesteps + total_timesteps
        callback.on_training_start(locals(), globals())
        if self.observations is None:
            self.observations = self.env.reset()
        going = True
        while going and self.num_timesteps < until:
            callback.on_rollout_start()
            going = self._rollout(callback)
        callback.on_training_end()
        return self

    def _rollout(self, callback: BaseCallback) -> bool:
        """Play ``n_steps`` moves of every game and log them; False once a callback ends the training."""
        start, errors = time.monotonic(), []
        for _ in range(self.n_steps):
            actions, values, after = self.choose(self.observations)
            errors.append(self._learn_before(values))
            self.observations, rewards, dones, infos = self.env.step(actions)
            self.before, self.ended = after, dones
            self.waiting[:] = True
            self.num_timesteps += len(actions)
            self.ep_info_buffer.extend(infos[i]["episode"] for i in np.flatnonzero(dones))
            callback.update_locals({"dones": dones, "infos": infos, "rewards": rewards})
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        self._log(float(np.mean(errors)), self.n_steps * len(self.before) / (time.monotonic() - start))
        return True

    def _learn_before(self, values: np.ndarray) -> float:
        """Teach the last afterstates what became of them; return the mean absolute error.

        Raises:
            Diverged: If an error is not finite.
        """
        if not self.waiting.any():
            return 0.0
        targets = np.where(self.ended, 0.0, values)
        error = float(np.abs(self.network.update(self.before, targets, self.learning_rate)).mean())
        if not np.isfinite(error):
            raise Diverged(f"the mean error is {error} at step {self.num_timesteps}")
        return error

    def _log(self, error: float, speed: float) -> None:
        if self.ep_info_buffer:
            for name, key in (("ep_rew_mean", "r"), ("ep_len_mean", "l")):
                self.logger.record(f"rollout/{name}", float(np.mean([e[key] for e in self.ep_info_buffer])))
        self.logger.record("train/error", error)
        self.logger.record("time/fps", speed)
        self.logger.dump(self.num_timesteps)

    def save(self, path: Any) -> None:
        """Write the patterns and the learned entries as a compressed numpy archive (a zip; no pickle)."""
        with Path(path).open("wb") as file:
            np.savez_compressed(file, patterns=np.array(str(self.network.patterns)), **self.parameters_tree())

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the learned entries: places and weights of each pattern."""
        tree = self.network.to_tree()
        return {name: tree[name] for name in tree if name.startswith(("places", "weights"))}

    def get_state(self) -> Tree:
        """Return the tables, the games and what is logged, at a rollout boundary."""
        return {
            "num_timesteps": self.num_timesteps,
            "network": self.network.to_tree(),
            "games": [self.observations, self.before, self.waiting, self.ended],
            "episodes": list(self.ep_info_buffer),
            "logged": logged(self.logger),
            "env": env_state(self.env),
        }

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.num_timesteps = state["num_timesteps"]
        self.network.load_tree(state["network"])
        self.observations, self.before, self.waiting, self.ended = state["games"]
        self.ep_info_buffer = deque(state["episodes"], maxlen=100)
        set_logged(self.logger, state["logged"])
        set_env_state(self.env, state["env"])
