"""CarRacing-v3, from pictures: drive a lap on a track nobody has seen. Learnt on a cheap picture, evaluated on Gymnasium's own.

Gymnasium's env and physics (Klimov's, on Box2D). Variation: slippery roads, other colours, and tracks that were not learnt on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt
from gymnasium import spaces

from rlsuite.core.interfaces import NO_USE, ActionKind, Agent, ObservationKind, Reward, Task, Use
from rlsuite.core.seeding import isolated
from rlsuite.envs.carracing.patch import PatchRenderer, shrink
from rlsuite.envs.carracing.physics import Track, drive
from rlsuite.envs.common.replayed import SEEDS, Outcome, ReplayedVecEnv

MAX_FRAMES = 1000  # of an episode, as registered
FILM_SEED, FILM_EVERY = 11, 2  # steps between two frames of the film
CarRacingAction = Literal["wheel", "discrete"]
Renderer = Literal["patch", "stock"]
CarRacingShift = Literal["all", "friction", "colours", "tracks"]
CHOICES = np.array([(0, 0, 0), (0.6, 0, 0), (-0.6, 0, 0), (0, 0.2, 0), (0, 0, 0.8)], dtype=np.float32)
"""Gymnasium's discrete actions as steering, gas and brake: nothing, right, left, gas, brake."""


@dataclass(frozen=True)
class CarRacingLevel:
    """What a variation level means: friction of the road (meadow: .6), and how far colours are from the usual ones (1: anywhere)."""

    friction: float = 1.0
    colours: float = 0.0

    @classmethod
    def at(cls, level: float, shift: CarRacingShift = "all") -> CarRacingLevel:
        """Interpolate from Gymnasium's env (0) to a road as slippery as the meadow in colours drawn at random (1)."""
        return cls(1.0 - 0.4 * level * (shift in ("all", "friction")), level * (shift in ("all", "colours")))


def controls(actions: np.ndarray) -> np.ndarray:
    """Return steering, gas and brake (n, 3) float32 of choices (n,), or of steering and one pedal (n, 2): gas above 0, brake below."""
    if actions.ndim == 1:
        return CHOICES[actions]
    wheel, pedal = np.clip(actions, -1, 1).astype(np.float32).T
    return np.stack([wheel, np.maximum(pedal, 0), np.maximum(-pedal, 0)], axis=1)


class CarRacingVecEnv(ReplayedVecEnv):
    """One car an env; observations (n, frame_stack, side, side) uint8, grey, newest frame last.

    Every episode has a physics world of its own, so that it is a function of its seed, level and actions.
    """

    state_arrays: ClassVar[tuple[str, ...]] = (*ReplayedVecEnv.state_arrays, "stalled")

    def __init__(self, task: CarRacing, levels: Sequence[float], n_envs: int) -> None:
        self.task = task
        shape = (task.frame_stack, task.side, task.side)
        box = spaces.Box(-1, 1, (2,), np.float32)
        action_space = box if task.action == "wheel" else spaces.Discrete(len(CHOICES))
        observed = spaces.Box(0, 255, shape, np.uint8)
        super().__init__(levels, n_envs, observed, action_space, task.reward, task.frame_stack)
        self.tracks: list[Track] = [Track() for _ in range(n_envs)]
        self.patches = PatchRenderer(n_envs, task.side) if task.renderer == "patch" else None
        self.frames, self.stalled = np.zeros((2, n_envs), dtype=np.int64)  # so far; since the last new tile

    def _begin(self, env: int, seed: int, level: float) -> None:
        count = self.task.tracks
        if count is not None:  # level 0 has the first ``count`` tracks, all other levels the rest
            seed = seed % count if level == 0 else count + seed % (SEEDS - count)
        track = self.tracks[env]
        made = CarRacingLevel.at(level, self.task.shift)
        track.begin(seed, made.friction, made.colours)
        self.frames[env] = self.stalled[env] = 0
        if self.patches:
            self.patches.lay(env, track)

    def _play(self, env: int, action: np.ndarray) -> Outcome:
        track = self.tracks[env]
        skip = min(self.task.frame_skip, MAX_FRAMES - int(self.frames[env]))
        visited = track.tile_visited_count
        reward, terminated, played = drive(track, controls(action[None])[0], skip)
        self.frames[env] += played
        self.stalled[env] = 0 if track.tile_visited_count > visited else self.stalled[env] + played
        patience = self.task.patience
        stuck = patience is not None and self.stalled[env] >= patience
        return Outcome(reward, terminated, bool(self.frames[env] >= MAX_FRAMES or stuck))

    def _look(self, envs: np.ndarray) -> np.ndarray:
        tracks = [self.tracks[env] for env in envs]
        if self.patches:
            return self.patches.draw(envs, tracks)[:, None]
        return np.stack([shrink(track.picture(), self.task.side) for track in tracks])[:, None]

    def _episode_info(self, env: int) -> dict[str, Any]:
        """Say how much of the lap was driven, and in how many frames."""
        track = self.tracks[env]
        share = track.tile_visited_count / len(track.track)
        metrics = {"lap": share, "frames": float(self.frames[env])}
        return {"metrics": metrics, "is_success": track.lap_finished}


class CarRacing(Task):
    """The task: 1000 points for all tiles of the road, .1 less for each frame; -100 for leaving the field.

    Args:
        renderer: What a policy learns on: ``patch``, a small picture of the same physics at a fraction of the price, or
            ``stock``, Gymnasium's own 96x96 picture, shrunk.
        judged: What every evaluation is on. With ``stock``, at level 0, that is CarRacing-v3, unchanged.
        action: ``wheel``: steering and one pedal, both in [-1, 1] (gas above 0, brake below); ``discrete``: Gymnasium's five.
        frame_skip: Frames for which an action holds.
        frame_stack: Pictures an observation shows.
        side: Pixels a side of a picture.
        patience: Frames without a new tile after which an episode one learns on is cut; None: none is. Never in evaluations.
        tracks: How many tracks there are at level 0; None: no end. Other levels have none of them.
        shift: What levels change.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"pixels", "repeatable start"})
    progress_metric: ClassVar[str] = "lap"

    def __init__(
        self,
        *,
        reward: Reward,
        renderer: Renderer = "patch",
        judged: Renderer = "stock",
        action: CarRacingAction = "wheel",
        frame_skip: Annotated[int, Gt(0)] = 4,
        frame_stack: Annotated[int, Gt(0)] = 2,
        side: Literal[32, 48, 96] = 48,
        patience: Annotated[int, Gt(0)] | None = 100,
        tracks: Annotated[int, Ge(1)] | None = None,
        shift: CarRacingShift = "all",
    ) -> None:
        self.reward, self.renderer, self.judged, self.action = reward, renderer, judged, action
        self.frame_skip, self.frame_stack, self.side = frame_skip, frame_stack, side
        self.patience, self.tracks, self.shift = patience, tracks, shift

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Steer and accelerate by degrees, or take one of five choices."""
        return "discrete" if config.get("action") == "discrete" else "box"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Stacked grey pictures."""
        return "pixels"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say that levels would all be the same."""
        if settings.get("shift") == "tracks" and settings.get("tracks") is None:
            yield "env.shift=tracks: all tracks are new at every level; take env.tracks=20, or another shift"

    def evaluation_task(self) -> CarRacing:
        """Return the task that policies are evaluated on: the same, on the picture of ``judged``, with no episode cut short."""
        settings = {name: value for name, value in vars(self).items() if name not in ("renderer", "patience")}
        return CarRacing(**settings, renderer=self.judged, patience=None)

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> CarRacingVecEnv:
        """Build ``n_envs`` envs over ``levels``."""
        env = CarRacingVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Film an episode at level 0: Gymnasium's picture, and beside it what the agent sees of it.

        Actions are drawn, as they were in training: cut off at their bounds, they are on average not what they are at
        the policy's mean, and a policy that learnt to drive with the one leaves the road with the other.
        """
        with isolated(FILM_SEED):
            frames = self._drive(agent)
        return {"drive": np.stack(frames)} if frames else {}

    def _drive(self, agent: Agent) -> list[np.ndarray]:
        """Return every second picture of an episode."""
        envs = self.evaluation_task().vec_env([0.0], 1, FILM_SEED)
        seen, state, starts, frames = envs.reset(), None, np.ones(1, dtype=bool), []
        for step in range(MAX_FRAMES // self.frame_skip - 1):
            actions, state = agent.predict(seen, state, starts, False)
            seen, _, starts, _ = envs.step(actions)
            if starts[0]:
                break
            if step % FILM_EVERY == 0:
                frames.append(beside(envs.tracks[0].picture(), seen[0, -1]))
        return frames


def beside(picture: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Put a picture (96, 96, 3) and a small grey one (side, side) side by side, (192, 384, 3) uint8."""
    factor = 2 * len(picture) // len(seen)
    large = np.repeat(np.repeat(seen, factor, 0), factor, 1)[..., None]
    return np.concatenate([np.repeat(np.repeat(picture, 2, 0), 2, 1), np.repeat(large, 3, 2)], axis=1)
