"""CartPole with growing shift: heavier cart, longer pole, stronger gravity; or ranges of forces and poles.

The dynamics are those of Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult
learning control problems" (1983), with the constants and integrator of Gymnasium's ``CartPole-v1``, to which
level 0 is equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt
from gymnasium import spaces

from rlsuite.core.interfaces import ActionKind, ObservationKind, Reward, Task, Transition
from rlsuite.envs.common.vec_env import BatchedVecEnv

DT = 0.02  # s
MAX_ANGLE, MAX_POSITION = 12 * 2 * np.pi / 360, 2.4  # rad, m


CartPoleObservation = Literal["state", "positions"]
CartPoleShift = Literal["original", "wide"]
# Packer et al., "Assessing generalization in deep reinforcement learning" (2018), https://arxiv.org/abs/1810.12282:
# lower ends and upper ends at levels 0, .5 and 1 of force (N), half the pole (m) and the pole's mass (kg)
LOWEST = np.array([[10, 5, 1], [0.5, 0.25, 0.05], [0.1, 0.05, 0.01]])
HIGHEST = np.array([[10, 15, 20], [0.5, 0.75, 1], [0.1, 0.5, 1]])


@dataclass(frozen=True)
class CartPoleLevel:
    """The physics of one variation level: m/s2, m (half the pole), kg, N, kg."""

    gravity: Any = 9.8
    length: Any = 0.5
    mass_cart: Any = 1.0
    force: Any = 10.0
    mass_pole: Any = 0.1

    @classmethod
    def at(cls, level: Any) -> CartPoleLevel:
        """Interpolate from Gymnasium's constants (0) to gravity 14.7, pole 1 and cart 2 (1).

        ``level`` is a number or an array; the fields have its shape.
        """
        return cls(9.8 + 4.9 * level, 0.5 + 0.5 * level, 1.0 + level)

    @classmethod
    def drawn(cls, level: float, draws: np.ndarray) -> CartPoleLevel:
        """Draw force, pole and its mass from ranges that grow with the level, without what half a level less has.

        So .5 are the paper's "random" and 1 its "extreme" ranges, the latter without the former.

        Args:
            level: From 0, Gymnasium's constants, to 1.
            draws: (3,) uniform numbers in [0, 1).
        """
        (low, inner_low), (high, inner_high) = (
            [
                np.array([np.interp(at, [0, 0.5, 1], ends) for ends in table])
                for at in (level, max(level - 0.5, 0))
            ]
            for table in (LOWEST, HIGHEST)
        )
        along = draws * (inner_low - low + high - inner_high)
        force, length, mass_pole = low + along + np.where(along < inner_low - low, 0, inner_high - inner_low)
        return cls(length=length, force=force, mass_pole=mass_pole)


def dynamics(state: np.ndarray, force: np.ndarray, level: CartPoleLevel) -> np.ndarray:
    """Advance (n, 4) states [x, x', angle, angle'] by one Euler step under ``force`` (n,) newton."""
    _, x_dot, theta, theta_dot = state.T
    gravity, length, mass_pole = level.gravity, level.length, level.mass_pole
    total_mass, pole_moment = mass_pole + level.mass_cart, mass_pole * length
    cos, sin = np.cos(theta), np.sin(theta)
    push = (force + pole_moment * np.square(theta_dot) * sin) / total_mass
    theta_acc = (gravity * sin - cos * push) / (
        length * (4.0 / 3.0 - mass_pole * np.square(cos) / total_mass)
    )
    x_acc = push - pole_moment * theta_acc * cos / total_mass
    return state + DT * np.array([x_dot, x_acc, theta_dot, theta_acc]).T


class CartPoleVecEnv(BatchedVecEnv):
    """All poles at once in numpy; state (n_envs, 4) float64, observations float32 (n_envs, 4), or (n_envs, 2) of positions alone."""

    state_arrays: ClassVar[tuple[str, ...]] = ("physics", "elapsed", "bodies")

    def __init__(
        self,
        levels: Sequence[float],
        n_envs: int,
        reward: Reward,
        max_steps: int,
        shift: CartPoleShift = "original",
        observation: CartPoleObservation = "state",
    ) -> None:
        self.seen = slice(None, None, 1 if observation == "state" else 2)
        high = np.array([MAX_POSITION * 2, np.inf, MAX_ANGLE * 2, np.inf], dtype=np.float32)[self.seen]
        super().__init__(levels, n_envs, spaces.Box(-high, high), spaces.Discrete(2))
        self.reward, self.max_steps, self.shift = reward, max_steps, shift
        self.physics = np.zeros((n_envs, 4))
        self.bodies = np.zeros((len(fields(CartPoleLevel)), n_envs))  # a row a field of CartPoleLevel
        self.elapsed = np.zeros(n_envs, dtype=np.int64)

    def _start(self, envs: np.ndarray) -> None:
        for i in envs:
            self.physics[i] = self.rngs[i].uniform(-0.05, 0.05, size=4)
            level = self.env_levels[i]
            wide = self.shift == "wide"
            body = CartPoleLevel.drawn(level, self.rngs[i].random(3)) if wide else CartPoleLevel.at(level)
            self.bodies[:, i] = tuple(vars(body).values())  # astuple would copy each value deeply
        self.elapsed[envs] = 0

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        level = CartPoleLevel(*self.bodies)
        force = np.where(actions == 1, level.force, -level.force)
        self.physics = dynamics(self.physics, force, level)
        self.elapsed += 1
        x, theta = self.physics[:, 0], self.physics[:, 2]
        fallen = (np.abs(x) > MAX_POSITION) | (np.abs(theta) > MAX_ANGLE)
        rewards = self.reward(Transition(np.ones(self.num_envs), fallen))
        return rewards, fallen, self.elapsed >= self.max_steps, {}

    def _observe(self) -> np.ndarray:
        return self.physics[:, self.seen].astype(np.float32)


RANDOM_PLAY = {"original": (22.08, 27.64, 31.3, 35.36, 39.15), "wide": (22.08, 22.52, 22.86, 22.86, 23.55)}
"""Mean steps that random play survives at levels 0, .25, .5, .75 and 1, by ``shift``."""


class CartPole(Task):
    """The task: balance the pole for ``max_steps`` steps.

    ``shift`` says what a level changes: ``seed`` gravity, pole and cart, ``wide`` the ranges from which each episode's
    force, pole and pole mass are drawn. ``observation=positions`` hides the two speeds: who is to balance then must remember.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"repeatable start"})

    def __init__(
        self,
        *,
        reward: Reward,
        max_steps: Annotated[int, Gt(0)] = 500,
        shift: CartPoleShift = "original",
        observation: CartPoleObservation = "state",
    ) -> None:
        self.reward, self.max_steps, self.shift, self.observation = reward, max_steps, shift, observation

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Push left or right."""
        return "discrete"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Position, speed, angle, angular speed; or position and angle."""
        return "vector"

    def score_range(self, level: float) -> tuple[float, float]:
        """Return what random play survives (``benchmarks/results/floors_cartpole*.json``), and every step."""
        floor = np.interp(level, (0, 0.25, 0.5, 0.75, 1), RANDOM_PLAY[self.shift])
        return min(float(floor), float(self.max_steps - 1)), float(self.max_steps)

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> CartPoleVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = CartPoleVecEnv(levels, n_envs, self.reward, self.max_steps, self.shift, self.observation)
        env.seed(seed)
        return env
