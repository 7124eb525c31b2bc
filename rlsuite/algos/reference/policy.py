"""Agents that learn nothing: what a learner must beat. They have the face of an SB3 agent all the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from rlsuite.core.interfaces import Agent, Task, Technique, Tree


class ReferencePolicy(Agent):
    """Base: a policy without parameters. Subclasses give ``_act(n, episode_step)``.

    The step within each env's episode travels in ``predict``'s recurrent state, so that open-loop schedules
    need no look at the observation.
    """

    action_kinds: ClassVar[frozenset[str]] = frozenset({"discrete", "box"})
    techniques: ClassVar[frozenset[str] | None] = frozenset({"baseline"})

    def __init__(self, *, task: Task, technique: Technique, seed: int, device: str = "cpu") -> None:
        env = task.vec_env(technique.levels, 1, seed)
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.seed, self.device, self.num_timesteps = seed, device, 0
        env.close()

    def _act(self, episode_step: np.ndarray) -> np.ndarray:
        """Return actions (n, ...) for envs that are at ``episode_step`` (n,) of their episodes."""
        raise NotImplementedError

    def learn(
        self, total_timesteps: int, callback: Any = None, reset_num_timesteps: bool = True
    ) -> ReferencePolicy:
        """Do nothing: there is nothing to learn."""
        self.num_timesteps = total_timesteps
        return self

    def predict(
        self,
        observation: np.ndarray,
        state: np.ndarray | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return actions, and the envs' episode steps as the state to hand in next time."""
        n = len(observation)
        steps = np.zeros(n, dtype=np.int64) if state is None else state
        if episode_start is not None:
            steps = np.where(episode_start, 0, steps)
        return self._act(steps), steps + 1

    def save(self, path: Path) -> None:
        """Write the class and its arrays as JSON (``model.zip`` keeps its name for all agents)."""
        arrays = {name: value.tolist() for name, value in self.parameters_tree().items()}
        Path(path).write_text(json.dumps({"class": type(self).__name__, "parameters": arrays}))

    def keep_in(self, folder: Path) -> None:
        """Nothing large is kept."""

    def get_state(self) -> Tree:
        """Return the step counter."""
        return {"num_timesteps": self.num_timesteps}

    def set_state(self, state: Tree) -> None:
        """Restore the step counter."""
        self.num_timesteps = state["num_timesteps"]

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """No parameters."""
        return {}


class Schedule(ReferencePolicy):
    """Play ``actions[t]``, a number or a vector, at step t of every episode, the last one from then on."""

    def __init__(
        self, *, task: Task, technique: Technique, seed: int, device: str = "cpu", actions: Sequence[object]
    ) -> None:
        super().__init__(task=task, technique=technique, seed=seed, device=device)
        self.actions = np.asarray(actions, dtype=np.float64)

    def _act(self, episode_step: np.ndarray) -> np.ndarray:
        values = self.actions[np.minimum(episode_step, len(self.actions) - 1)]
        if isinstance(self.action_space, spaces.Discrete):
            return values.astype(np.int64)
        if values.ndim == 1:
            values = np.repeat(values[:, None], self.action_space.shape[0], axis=1)
        return values.astype(np.float32)

    def parameters_tree(self) -> Mapping[str, np.ndarray]:
        """Return the schedule."""
        return {"actions": self.actions}
