"""Finished games of 2048 for people to look at: statistics of many; one as text and as a strip of boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlsuite.core.interfaces import Agent
from rlsuite.envs.game2048 import board

TILES = (512, 1024, 2048, 4096, 8192)
SHOWN = 6  # boards a strip or a transcript has


def statistics(played: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return what games say together.

    Args:
        played: lists with an entry a game: ``score``, ``highest`` (tile), ``illegal_moves``, ``lengths`` (moves).

    Returns:
        ``games, mean_score, median_score``; ``share_with``, the share of games that made each of ``TILES``; ``highest``,
        the number of games whose highest tile is each; ``illegal_rate``, illegal moves as a share of all moves;
        ``mean_length``.
    """
    score, highest, illegal, lengths = (
        np.asarray(played[key], dtype=float) for key in ("score", "highest", "illegal_moves", "lengths")
    )
    tiles, counts = np.unique(highest.astype(int), return_counts=True)
    return {
        "games": len(score),
        "mean_score": round(float(score.mean())),
        "median_score": round(float(np.median(score))),
        "share_with": {str(tile): round(float((highest >= tile).mean()), 3) for tile in TILES},
        "highest": {str(tile): int(count) for tile, count in zip(tiles, counts, strict=True)},
        "illegal_rate": round(float(illegal.sum() / lengths.sum()), 5),
        "mean_length": round(float(lengths.mean())),
    }


def games_summary(policies: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Return the statistics as text, a line a policy: ``policies[name]`` as ``statistics`` takes them."""
    found = {name: statistics(played) for name, played in policies.items()}
    heads = ["mean score", "median", *(f"{tile} made" for tile in TILES[:4]), "illegal"]
    lines = [f"  {'policy':<12}" + "".join(f"{head:>11}" for head in heads) + "  games by highest tile"]
    for name, s in found.items():
        shares = "".join(f"{s['share_with'][str(tile)]:>11.0%}" for tile in TILES[:4])
        counts = ", ".join(f"{tile}: {count}" for tile, count in s["highest"].items())
        lines.append(
            f"  {name:<12}{s['mean_score']:>11,}{s['median_score']:>11,}{shares}{s['illegal_rate']:>11.1%}  {counts}"
        )
    return "\n".join(lines)


def play_game(task: Any, agent: Agent, level: float = 0.0, seed: int = 0) -> list[int]:
    """Let the greedy policy play one game; return its boards as 64-bit words, the first and the last one too."""
    env = task.vec_env([level], 1, seed)
    observation, state, done = env.reset(), None, np.ones(1, dtype=bool)
    boards: list[int] = []
    while not (boards and done[0]):
        boards.append(int(env.boards[0]))
        action, state = agent.predict(observation, state, done, deterministic=True)
        observation, _, done, infos = env.step(action)
    return [*boards, int(task.boards(infos[0]["terminal_observation"][None])[0])]


def cells_and_walls(boards: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the exponents (n, 16) of a game's boards, 0 at a wall, and where walls are (n, 16) bool.

    An exponent of 15 is a wall if the first board has one, else the tile 32768.
    """
    cells = board.unpack(np.array(boards, dtype=np.uint64))
    walls = (cells == board.WALL) & (cells[0] == board.WALL).any()
    return np.where(walls, 0, cells), walls


def milestones(boards: Sequence[int]) -> list[int]:
    """Return the moves at which the highest tile last grew, at most ``SHOWN`` - 1 of them, and the last move."""
    top = cells_and_walls(boards)[0].max(axis=1).astype(int)
    grew = np.flatnonzero(np.diff(top, prepend=0) > 0)
    return sorted({*(int(i) for i in grew[1 - SHOWN :]), len(boards) - 1})


def transcript(boards: Sequence[int]) -> str:
    """Return a game as text, its milestones one below the other; ``.`` is an empty cell, ``#`` a blocked one."""
    wall = "    #" if cells_and_walls(boards[:1])[1].any() else str(1 << board.WALL)
    return "\n".join(
        f"move {at}\n{board.text(boards[at]).replace('    #', wall)}" for at in milestones(boards)
    )


def _words(cells: np.ndarray, walls: np.ndarray) -> list[str]:
    return ["blocked" if w else str(1 << int(k)) if k else "" for k, w in zip(cells, walls, strict=True)]


def filmstrip(boards: Sequence[int]) -> np.ndarray:
    """Draw a game's milestones side by side: an (height, width, 3) uint8 picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cells, walls = cells_and_walls(boards)
    shown = milestones(boards)
    figure = Figure(figsize=(2.2 * len(shown), 2.5), dpi=90, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for axis, at in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _draw_board(axis, cells[at], walls[at])
        axis.set_title(f"move {at}")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_board(axis: Any, cells: np.ndarray, walls: np.ndarray) -> None:
    axis.imshow(np.ma.masked_array(cells, walls).reshape(4, 4), cmap="YlOrBr", vmin=0, vmax=14)
    axis.set_facecolor("0.35")  # what a blocked cell lets through
    for i, word in enumerate(_words(cells, walls)):
        color = "white" if cells[i] > 8 or walls[i] else "black"
        axis.text(i % 4, i // 4, word, ha="center", va="center", fontsize=9, color=color)
    axis.set(xticks=[], yticks=[])
