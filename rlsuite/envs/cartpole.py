"""CartPole with growing shift: heavier cart, longer pole, stronger gravity.

The dynamics are those of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult
learning control problems" (1983), with the constants and integrator of Gymnasium's ``CartPole-v1``, to which
level 0 is equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from gymnasium import spaces

from rlsuite.contracts import ActionKind, Gt, Reward, Transition
from rlsuite.envs.lanes import LaneVecEnv

MASS_POLE, FORCE, DT = 0.1, 10.0, 0.02  # kg, N, s
MAX_ANGLE, MAX_POSITION = 12 * 2 * np.pi / 360, 2.4  # rad, m


@dataclass(frozen=True)
class Level:
    """The physics of one variation level: m/s2, m (half the pole), kg."""

    gravity: Any = 9.8
    length: Any = 0.5
    mass_cart: Any = 1.0

    @classmethod
    def at(cls, level: Any) -> Level:
        """Interpolate from Gymnasium's constants (0) to gravity 14.7, pole 1 and cart 2 (1).

        ``level`` is a number or an array; the fields have its shape.
        """
        return cls(9.8 + 4.9 * level, 0.5 + 0.5 * level, 1.0 + level)


def dynamics(state: np.ndarray, force: np.ndarray, level: Level) -> np.ndarray:
    """Advance (n, 4) states [x, x', angle, angle'] by one Euler step under ``force`` (n,) newton."""
    x, x_dot, theta, theta_dot = state.T
    gravity, length = level.gravity, level.length
    total_mass, pole_moment = MASS_POLE + level.mass_cart, MASS_POLE * length
    cos, sin = np.cos(theta), np.sin(theta)
    push = (force + pole_moment * np.square(theta_dot) * sin) / total_mass
    theta_acc = (gravity * sin - cos * push) / (
        length * (4.0 / 3.0 - MASS_POLE * np.square(cos) / total_mass)
    )
    x_acc = push - pole_moment * theta_acc * cos / total_mass
    return np.stack(
        [x + DT * x_dot, x_dot + DT * x_acc, theta + DT * theta_dot, theta_dot + DT * theta_acc], axis=1
    )


class CartPoleLanes(LaneVecEnv):
    """All poles at once in numpy; state (n_envs, 4) float64, observations float32."""

    state_arrays: ClassVar[tuple[str, ...]] = ("physics", "elapsed")

    def __init__(self, levels: Sequence[float], n_envs: int, reward: Reward, max_steps: int) -> None:
        high = np.array([MAX_POSITION * 2, np.inf, MAX_ANGLE * 2, np.inf], dtype=np.float32)
        super().__init__(levels, n_envs, spaces.Box(-high, high), spaces.Discrete(2))
        self.reward, self.max_steps = reward, max_steps
        self.physics = np.zeros((n_envs, 4))
        self.elapsed = np.zeros(n_envs, dtype=np.int64)

    def _start(self, lanes: np.ndarray) -> None:
        for i in lanes:
            self.physics[i] = self.rngs[i].uniform(-0.05, 0.05, size=4)
        self.elapsed[lanes] = 0

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        force = np.where(actions == 1, FORCE, -FORCE)
        self.physics = dynamics(self.physics, force, Level.at(self.lane_levels))
        self.elapsed += 1
        x, theta = self.physics[:, 0], self.physics[:, 2]
        fallen = (np.abs(x) > MAX_POSITION) | (np.abs(theta) > MAX_ANGLE)
        rewards = self.reward(Transition(np.ones(self.num_envs), fallen))
        return rewards, fallen, self.elapsed >= self.max_steps, {}

    def _observe(self) -> np.ndarray:
        return self.physics.astype(np.float32)


class CartPole:
    """The task: balance the pole for ``max_steps`` steps."""

    def __init__(self, *, reward: Reward, max_steps: Annotated[int, Gt(0)] = 500) -> None:
        self.reward, self.max_steps = reward, max_steps

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Push left or right."""
        return "discrete"

    def score_range(self, level: float) -> tuple[float, float]:
        """Return what random play survives (``benchmarks/results/floors_cartpole.json``), and every step."""
        floor = np.interp(level, (0, 0.25, 0.5, 0.75, 1), (22.08, 27.64, 31.3, 35.36, 39.15))
        return min(float(floor), float(self.max_steps - 1)), float(self.max_steps)

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> CartPoleLanes:
        """Build ``n_envs`` lanes over ``levels``."""
        env = CartPoleLanes(levels, n_envs, self.reward, self.max_steps)
        env.seed(seed)
        return env
