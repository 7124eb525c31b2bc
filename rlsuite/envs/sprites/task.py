"""Sprites: a circle that should follow a square, or flee it, among triangles that do not matter.

The env of "Reward-Induced Representation Learning" (Jain, Lee and Pertsch), as its task sheet describes it: 64x64 pictures, or
the positions themselves. Variation: more distractors, and faster, smaller sprites.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import NO_USE, ActionKind, Agent, ObservationKind, Reward, Task, Transition, Use
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.envs.sprites.film import film
from rlsuite.representation import sprites

FILM_SEED, DEFAULT_ENCODER = 11, "sprites_reward"
OBJECTS, STEPS = 4, 40  # the agent, its target and at most two distractors; steps of an episode
Goal = Literal["follow", "repel"]
SpritesObservation = Literal["state", "image", "features"]
SpritesShift = Literal["all", "distractors"]


@dataclass(frozen=True)
class SpritesLevel:
    """What a variation level means: how many distractors there are, the speed of all but the agent, the sprites' size."""

    distractors: Any
    speed: Any = sprites.SPEED
    size: Any = sprites.SIZE

    @classmethod
    def at(cls, level: Any, distractors: int = 0, shift: SpritesShift = "all") -> SpritesLevel:
        """Add a distractor at .5 and one at 1, up to two; unless told otherwise speed .05 -> .075 and size .2 -> .15 too.

        ``level`` is a number or an array; the fields have its shape.
        """
        count = np.minimum(distractors + np.floor(2 * np.asarray(level)).astype(int), OBJECTS - 2)
        along = level if shift == "all" else 0.0 * level
        return cls(count, sprites.SPEED + 0.025 * along, sprites.SIZE - 0.05 * along)


class SpritesVecEnv(BatchedVecEnv):
    """All scenes at once in numpy.

    Observations: positions (n, 8) float32, rows and columns of agent, target and distractors, zeros for those that are not
    there; or pictures (n, 1, 64, 64) uint8; or what the task's encoder makes of each picture, (n, 64) float32, once a step,
    so that a policy on a frozen encoder learns at the price of one on states. With ``time`` one more value, or one more channel
    (of 0-255), tells the share of the episode that is over: all end after 40 steps, so what a state is worth depends on it.
    """

    state_arrays: ClassVar[tuple[str, ...]] = ("positions", "velocities", "shapes", "bodies", "elapsed")

    def __init__(self, task: Sprites, levels: Sequence[float], n_envs: int) -> None:
        self.task = task
        space = {
            "image": spaces.Box(0, 255, (1 + task.time, sprites.FRAME_SIDE, sprites.FRAME_SIDE), np.uint8),
            "state": spaces.Box(0, 1, (2 * OBJECTS + task.time,), np.float32),
            "features": spaces.Box(-np.inf, np.inf, (task.features_dim + task.time,), np.float32),
        }[task.observation]
        super().__init__(levels, n_envs, space, spaces.Box(-1, 1, (2,), np.float32))
        self.positions, self.velocities = np.zeros((2, n_envs, OBJECTS, 2))
        self.shapes = np.tile([sprites.AGENT, sprites.TARGET, *sprites.TRIANGLES[:2]], (n_envs, 1))
        self.bodies = np.ones((3, n_envs))  # a row a field of SpritesLevel
        self.elapsed = np.zeros(n_envs, dtype=np.int64)
        self._never = np.zeros(n_envs, dtype=bool)  # truncated

    def _start(self, envs: np.ndarray) -> None:
        self.elapsed[envs] = 0
        level = SpritesLevel.at(self.env_levels[envs], self.task.distractors, self.task.shift)
        self.bodies[:, envs] = level.distractors, level.speed, level.size
        drawn = np.array([self.rngs[i].random(4 * OBJECTS + 2) for i in envs])
        size = level.size[:, None, None]
        positions = size / 2 + drawn[:, :8].reshape(-1, OBJECTS, 2) * (1 - size)
        velocities = (2 * drawn[:, 8:16].reshape(-1, OBJECTS, 2) - 1) * level.speed[:, None, None]
        velocities[:, 0] *= (sprites.SPEED / level.speed)[:, None]  # the agent's own speed never changes
        self.positions[envs], self.velocities[envs] = sprites.move_sprites(positions, velocities, size)
        self.shapes[envs, 2:] = sprites.TRIANGLES[0] + (drawn[:, 16:] * len(sprites.TRIANGLES)).astype(
            np.int64
        )

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        self.velocities[:, 0] = np.clip(actions, -1, 1) * sprites.SPEED
        self.positions, self.velocities = sprites.move_sprites(
            self.positions, self.velocities, self.bodies[2][:, None, None]
        )
        self.elapsed += 1
        apart = self.positions[:, 1] - self.positions[:, 0]
        distance = np.sqrt(np.square(apart[:, 0]) + np.square(apart[:, 1])) / np.sqrt(2)
        over = self.elapsed >= STEPS
        gain = 1 - distance if self.task.goal == "follow" else distance
        return self.task.reward(Transition(gain, over)), over, self._never, {}

    def _present(self) -> np.ndarray:
        """Tell which sprites there are, (n, 4) bool."""
        return np.arange(OBJECTS) < 2 + self.bodies[0][:, None]

    def _observe(self) -> np.ndarray:
        if self.task.observation == "image":
            return self._pictures()
        seen = self._states() if self.task.observation == "state" else self.task.encode(self.pictures())
        return np.column_stack([seen, self.elapsed / STEPS]).astype(np.float32) if self.task.time else seen

    def _states(self) -> np.ndarray:
        return (self.positions * self._present()[:, :, None]).reshape(self.num_envs, -1).astype(np.float32)

    def pictures(self, channels: int = 1) -> np.ndarray:
        """Draw every env, (n, channels, 64, 64) uint8; all but the first channel stay black."""
        return sprites.draw_sprites(
            self.positions, self.shapes, self._present(), self.bodies[2][:, None], channels
        )

    def _pictures(self) -> np.ndarray:
        frames = self.pictures(1 + self.task.time)
        if self.task.time:
            frames[:, -1] = np.round(self.elapsed * (255 / STEPS)).astype(np.uint8)[:, None, None]
        return frames


FLOORS = {"follow": (28.24, 28.05, 27.87, 27.68, 27.49), "repel": (11.76, 11.95, 12.14, 12.33, 12.52)}
REFERENCES = {"follow": (38.87, 38.73, 38.47, 38.15, 37.8), "repel": (20.06, 20.14, 20.26, 20.4, 20.56)}
"""Mean returns at levels 0, .25, .5, .75 and 1 of random play, and of the best policy known, which knows velocities."""


class Sprites(Task):
    """The task: 40 steps of reward 1 - d (``goal=follow``) or d (``repel``), d the distance to the target over sqrt(2).

    ``distractors`` is the number at level 0, ``shift`` what a level changes: all (see ``SpritesLevel``), or the number of
    distractors alone. ``time`` adds the share of the episode that is over to what is observed. ``encoder`` names the frozen one
    of ``observation=features``: a file, or a name of ``representation.presets``.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"repeatable start"})

    def __init__(
        self,
        *,
        reward: Reward,
        observation: SpritesObservation = "state",
        goal: Goal = "follow",
        distractors: Annotated[int, Ge(0), Le(2)] = 0,
        shift: SpritesShift = "all",
        time: bool = True,
        encoder: str = DEFAULT_ENCODER,
    ) -> None:
        self.reward, self.observation, self.goal = reward, observation, goal
        self.distractors, self.shift, self.time = distractors, shift, time
        self.features_dim = 0
        if observation == "features":
            from rlsuite.representation.frozen import FrozenEncoder  # torch only where it is needed

            self.encode = FrozenEncoder(encoder)
            self.features_dim = self.encode.features_dim

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Give the speed along rows and columns, as a share of the fastest."""
        return "box"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Positions, or pictures."""
        return "pixels" if config.get("observation") == "image" else "vector"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say that there is no such encoder."""
        if settings.get("observation") == "features":
            from rlsuite.representation.loading import find_encoder

            try:
                find_encoder(settings.get("encoder", DEFAULT_ENCODER))
            except UserError as error:
                yield f"env.encoder: {error}"

    def score_range(self, level: float) -> tuple[float, float]:
        """Return what random play and the best policy known get (``benchmarks/results/sprites_policies.json``)."""
        along = level if self.shift == "all" else 0.0
        floor, reference = (
            float(np.interp(along, (0, 0.25, 0.5, 0.75, 1), table[self.goal]))
            for table in (FLOORS, REFERENCES)
        )
        return floor, reference

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> SpritesVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = SpritesVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Film an episode on levels 0, .5 and 1, with what the agent's critic says live."""
        return {"episode": film(self.vec_env((0.0, 0.5, 1.0), 3, FILM_SEED), agent, STEPS)}
