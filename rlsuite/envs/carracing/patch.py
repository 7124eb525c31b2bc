"""A low-resolution renderer for CarRacing's physics: the picture that Gymnasium draws, made small and grey, at a fraction of its price.

Gymnasium draws 1000x800 pixels at every frame and shrinks them to 96x96. Here the track is drawn once an episode into a map of the
world; a frame is a turned patch of that map, a stamp of the car, and the indicators' bars by their areas, for all envs at once.
What a picture shows is what Gymnasium's shows, but for the tyres' turning, the tint of tiles that were driven over and the score's digits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium.envs.box2d import car_dynamics as body
from gymnasium.envs.box2d import car_racing as stock
from PIL import Image, ImageDraw, ImageFilter

CELL = 0.5  # world units of a cell of the map
CELLS = math.ceil(2 * stock.PLAYFIELD / CELL)  # a side of it, without a black border of one cell
LUMA = np.array([0.299, 0.587, 0.114])  # grey of red, green and blue (ITU-R BT.601)
AHEAD, ABOVE = (
    stock.WINDOW_W / 2,
    stock.WINDOW_H * 3 / 4,
)  # where the car stands on the window: column and row
BAR = 8  # the indicators take the lowest 1/8 of the picture, and the digits of the score 1/8 of their width
FINE = 16  # points a side by which the area of the car in a pixel is counted
ZOOMS = stock.FPS  # the camera zooms in during the first second
WHITE, BLUE, VIOLET, GREEN, RED = 255.0, 29.07, 44.319, 149.685, 76.245  # greys of the indicators


def zoom_at(frames: np.ndarray | int) -> Any:
    """Return the window's pixels a world unit after so many frames."""
    t = np.minimum(np.asarray(frames) / stock.FPS, 1.0)
    return stock.SCALE * (0.1 * (1 - t) + stock.ZOOM * t)


def grey(colour: Any) -> float:
    """Return the luma of a colour of 0-255."""
    return float(np.asarray(colour, dtype=float) @ LUMA)


def shrink(picture: np.ndarray, side: int) -> np.ndarray:
    """Make Gymnasium's picture (96, 96, 3) uint8 grey and small, (side, side), without the digits of the score."""
    shades = picture @ LUMA
    factor = len(picture) // side
    small = shades.reshape(side, factor, side, factor).mean(axis=(1, 3))
    small[-side // BAR :, : side // BAR] = 0
    return np.round(small).astype(np.uint8)


@lru_cache(maxsize=2)
def meadow(light: int, dark: int) -> np.ndarray:
    """Draw the field without a track, (CELLS + 2, CELLS + 2) uint8: squares of two greys, black around it."""
    middles = (np.arange(CELLS) + 0.5) * CELL - stock.PLAYFIELD
    even = np.floor(middles / stock.GRASS_DIM).astype(int) % 2 == 0
    return np.pad(np.where(even[:, None] & even, np.uint8(light), np.uint8(dark)), 1)


def draw_map(env: stock.CarRacing, blur: int, out: np.ndarray) -> None:
    """Draw meadow and track of the present episode from above; row and column grow with y and x.

    Args:
        env: After its reset.
        blur: Cells a side over which the map is averaged, as many as fall into a pixel of the picture.
        out: (CELLS + 2, CELLS + 2) uint8, written to: black around the field.
    """
    out[:] = meadow(round(grey(env.grass_color)), round(grey(env.bg_color)))
    corners, colours = zip(*env.road_poly, strict=True)
    places = (np.array(corners) + stock.PLAYFIELD) / CELL + 1  # (polygons, 4, 2)
    low = np.clip(places.min(axis=(0, 1)).astype(int) - blur, 0, None)
    high = places.max(axis=(0, 1)).astype(int) + 2 + blur
    part = out[low[1] : high[1], low[0] : high[0]]  # only there is anything to draw
    image = Image.fromarray(part)
    pen = ImageDraw.Draw(image)
    outlines = (places - low - 0.5).reshape(len(places), -1).tolist()  # PIL counts from the middles of cells
    for outline, shade in zip(outlines, np.rint(np.array(colours) @ LUMA).astype(int).tolist(), strict=True):
        pen.polygon(outline, fill=shade)
    part[:] = np.asarray(image.filter(ImageFilter.BoxBlur((blur - 1) / 2)) if blur > 1 else image)


@lru_cache(maxsize=8)
def car_stamps(side: int) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Return where the car is on the picture, and for each frame of the first second how much it covers and with which grey.

    Returns:
        Rows and columns; (ZOOMS + 1, h, w) shares that are left of what lies below; (ZOOMS + 1, h, w) grey to add.
    """
    scale = np.array([side / stock.WINDOW_W, side / stock.WINDOW_H])
    wheel = np.array([(-1, 1), (1, 1), (1, -1), (-1, -1)]) * (body.WHEEL_W, body.WHEEL_R)
    parts = [(place + wheel, 0.0) for place in np.array(body.WHEELPOS)]
    hull = (body.HULL_POLY1, body.HULL_POLY2, body.HULL_POLY3, body.HULL_POLY4)
    parts += [(np.array(corners), grey((204, 0, 0))) for corners in hull]
    middle = np.array([AHEAD, ABOVE]) * scale
    reach = np.abs(np.concatenate([corners for corners, _ in parts])).max(axis=0) * body.SIZE
    low = np.floor(middle - reach * zoom_at(ZOOMS) * scale).astype(int)
    high = np.ceil(middle + reach * zoom_at(ZOOMS) * scale).astype(int)
    stamps = [
        _stamp(parts, (middle - low) * FINE, zoom * scale * FINE, (high - low) * FINE)
        for zoom in zoom_at(np.arange(ZOOMS + 1))
    ]
    left, added = (np.stack(layer).astype(np.float32) for layer in zip(*stamps, strict=True))
    return (slice(low[1], high[1]), slice(low[0], high[0])), left, added


def _stamp(
    parts: Any, middle: np.ndarray, scale: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the car finely; return the share of each pixel that it leaves free, and the grey it adds, (h, w) each."""
    covered, shade = Image.new("L", tuple(size.tolist())), Image.new("L", tuple(size.tolist()))
    for corners, value in parts:
        places = middle + corners * body.SIZE * scale * (1, -1) - 0.5  # rows grow downwards
        outline = [*map(tuple, places.tolist())]
        ImageDraw.Draw(covered).polygon(outline, fill=1)
        ImageDraw.Draw(shade).polygon(outline, fill=round(value))
    columns, rows = size // FINE
    cover, add = (
        np.asarray(image, dtype=float).reshape(rows, FINE, columns, FINE).mean(axis=(1, 3))
        for image in (covered, shade)
    )
    return 1 - cover, add


def _share(low: np.ndarray, high: np.ndarray, n: int) -> np.ndarray:
    """Return the share of each of n pixels that lies between ``low`` and ``high`` (..., 1), in any order: (..., n)."""
    start, end = np.minimum(low, high), np.maximum(low, high)
    at = np.arange(n)
    return np.clip(np.minimum(end, at + 1) - np.maximum(start, at), 0, 1)


class PatchRenderer:
    """Pictures (side, side) uint8 of ``n`` envs of CarRacing, which must have been ``lay``-ed at their resets."""

    def __init__(self, n: int, side: int) -> None:
        self.side, self.blur = side, stock.STATE_W // side
        self.maps = np.zeros((n, CELLS + 2, CELLS + 2), dtype=np.uint8)
        above = side - side // BAR
        rows, columns = np.divmod(np.arange(above * side), side)
        across = (columns + 0.5) * (stock.WINDOW_W / side) - AHEAD
        ahead = ABOVE - (rows + 0.5) * (stock.WINDOW_H / side)
        self.offsets = (np.stack([across, ahead]) / CELL).astype(np.float32)  # cells at a zoom of 1
        self.box, self.left, self.added = car_stamps(side)
        unit = side / 40  # the indicators' places are counted in 40ths
        upright = np.array([5.0, 7, 8, 9, 10])[:, None] * unit
        self.upright_columns = _share(upright, upright + unit, side)
        self.lying_rows = _share(np.array([unit]), np.array([3 * unit]), side // BAR)
        self.greys = np.array([WHITE, BLUE, BLUE, VIOLET, VIOLET, GREEN, RED])

    def lay(self, index: int, env: stock.CarRacing) -> None:
        """Draw the map of a index's new episode."""
        draw_map(env, self.blur, self.maps[index])

    def draw(self, indices: np.ndarray, envs: list[Any]) -> np.ndarray:
        """Return what ``envs``, those of ``indices`` (k,), would show: (k, side, side) uint8."""
        cars = [env.car for env in envs]
        poses = np.array([(*car.hull.position, car.hull.angle) for car in cars])
        frames = np.rint(np.array([env.t for env in envs]) * stock.FPS).astype(int)
        pictures = np.empty((len(indices), self.side, self.side), dtype=np.uint8)
        bar = self.side // BAR
        pictures[:, :-bar] = self._patches(indices, poses, zoom_at(frames)).reshape(
            len(indices), -1, self.side
        )
        stamp = np.minimum(frames, ZOOMS)
        below = pictures[:, self.box[0], self.box[1]]
        pictures[:, self.box[0], self.box[1]] = np.rint(below * self.left[stamp] + self.added[stamp])
        pictures[:, -bar:] = self._bars(np.array([_indicators(car) for car in cars]))
        return pictures

    def _patches(self, envs: np.ndarray, poses: np.ndarray, zooms: np.ndarray) -> np.ndarray:
        """Look up the maps where the pixels above the bar lie: (k, pixels) uint8."""
        cos, sin = (f(poses[:, 2]) / zooms for f in (np.cos, np.sin))
        across, ahead = self.offsets
        places = []
        for turn, shift in (((sin, cos), poses[:, 1]), ((cos, -sin), poses[:, 0])):  # rows, then columns
            turned = np.outer(turn[0].astype(np.float32), across)
            turned += np.outer(turn[1].astype(np.float32), ahead)
            turned += ((shift + stock.PLAYFIELD) / CELL + 1).astype(np.float32)[:, None]
            places.append(np.clip(turned, 0, CELLS + 1, out=turned).astype(np.intp))
        flat = places[0] * (CELLS + 2) + places[1]
        flat += envs[:, None] * (CELLS + 2) ** 2
        return self.maps.reshape(-1).take(flat)

    def _bars(self, values: np.ndarray) -> np.ndarray:
        """Draw the indicators (k, 7) white on black by the areas they cover: (k, side / 8, side) uint8."""
        unit, n = self.side / 40, self.side // BAR
        rows = _share(np.array([4 * unit]), (4 * unit - unit * values[:, :5])[..., None], n)
        ends = np.array([20.0, 30]) * unit
        columns = _share(ends[:, None], (ends + unit * values[:, 5:])[..., None], self.side)
        shades = np.einsum("kir,ic,i->krc", rows, self.upright_columns, self.greys[:5])
        shades += np.einsum("r,kic,i->krc", self.lying_rows, columns, self.greys[5:])
        return np.rint(np.minimum(shades, 255)).astype(np.uint8)


def _indicators(car: Any) -> tuple[float, ...]:
    """Return the lengths of speed, the four wheels' turning, steering and turning, in the window's 40ths."""
    speed = math.hypot(*car.hull.linearVelocity)
    wheels = (0.01 * wheel.omega for wheel in car.wheels)
    return 0.02 * speed, *wheels, -10 * car.wheels[0].joint.angle, -0.8 * car.hull.angularVelocity
