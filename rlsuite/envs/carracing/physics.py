"""Gymnasium's CarRacing without a look at every frame, one physics world an episode, and roads of other friction and colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from Box2D import b2World
from gymnasium.envs.box2d.car_racing import CarRacing as StockCarRacing

COLOURS = 210  # colours of Gymnasium's domain randomisation lie below it
LIGHTER = 20  # by which one colour of the meadow's squares is lighter, there


class Track(StockCarRacing):
    """Gymnasium's env, physics and rewards; a frame is drawn when ``picture`` is asked for, not at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.usual: tuple[np.ndarray, ...] = self.road_color, self.bg_color, self.grass_color  # type: ignore[has-type]
        self.friction = 1.0
        self.lap_finished = False
        self.tile_visited_count = 0

    def begin(self, seed: int, friction: float, colours: float) -> None:
        """Begin the episode of ``seed``: a track, its friction, and colours so far (0 to 1) on the way to random ones."""
        self._destroy()
        self.road = None
        self.world = b2World(
            (0, 0)
        )  # a world that was used before may order what happens in one frame in another way
        self.friction, self.lap_finished = friction, False
        drawn = random_colours(np.random.default_rng([seed, 1])) if colours else self.usual
        self.road_color, self.bg_color, self.grass_color = (
            np.rint(usual + colours * (other - usual)).astype(int)
            for usual, other in zip(self.usual, drawn, strict=True)
        )
        self.reset(seed=seed)

    def picture(self) -> np.ndarray:
        """Draw the present frame as Gymnasium does, (96, 96, 3) uint8."""
        return super()._render("state_pixels")

    def _create_track(self) -> bool:
        made = super()._create_track()
        tiles: Any = self.road or ()
        for tile in tiles:
            tile.road_friction = self.friction
        return made

    def _render(self, mode: str) -> None:
        return None


def random_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw colours of road, meadow and its lighter squares, as Gymnasium's domain randomisation does."""
    road, meadow = rng.uniform(0, COLOURS, size=(2, 3))
    squares = meadow.copy()
    squares[rng.integers(3)] += LIGHTER
    return road, meadow, squares


def drive(track: Track, control: np.ndarray, frames: int) -> tuple[float, bool, int]:
    """Hold steering, gas and brake (3,) for so many frames; return the sum of rewards, whether it is over, and frames played."""
    total = 0.0
    for played in range(1, frames + 1):
        _, reward, terminated, _, info = track.step(control)
        total += reward
        if terminated:
            track.lap_finished = info["lap_finished"]
            return total, True, played
    return total, False, frames


def follow_road(track: Track, ahead: int = 6, fastest: float = 40.0) -> np.ndarray:
    """Steer by the track itself, which no picture tells in full: a hand-made driver for measurements, (2,) wheel and pedal.

    Args:
        track: In the midst of an episode.
        ahead: Tiles from the nearest one to that it drives to.
        fastest: Speed on a straight, units a second.
    """
    middles = np.array(track.track)[:, 2:]
    hull = track.car.hull
    nearest = int(np.square(middles - np.array(hull.position)).sum(axis=1).argmin())
    x, y = hull.GetLocalPoint(middles[(nearest + ahead) % len(middles)].tolist())
    aside, _ = hull.GetLocalPoint(middles[(nearest + 3 * ahead) % len(middles)].tolist())
    wanted = fastest / (1 + abs(aside) / 15)
    wheel = 2 * np.arctan2(x, max(y, 1e-3))
    return np.clip([wheel, 0.1 * (wanted - np.linalg.norm(hull.linearVelocity))], -1, 1).astype(np.float32)
