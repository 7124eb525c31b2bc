"""Pictures in a run's folder: how it learned, how it holds up under variation, and what its task can draw of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rlsuite.runs.history import read_history
from rlsuite.runs.result import Result

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

FRAME_MS = 100  # of what moves
PANELS = {
    "episode return": {
        "rollout/ep_rew_mean": "training, last 100 episodes",
        "eval/return": "greedy, evaluated",
    },
    "loss": {
        "train/loss": "total",
        "train/value_loss": "value",
        "train/policy_gradient_loss": "policy",
        "train/policy_loss": "policy",
        "train/error": "mean TD error",
    },
    "epsilon": {"rollout/exploration_rate": "share of random actions"},
    "entropy loss": {"train/entropy_loss": "of the policy"},
    "agreement of gradients (cosines)": {
        "gas/with_mean": "with mean",
        "gas/pairwise": "pairwise",
        "gas/within": "within a level",
        "train/agreement": "in the technique",
    },
}
"""Columns of ``history.csv`` by panel, with their names in its legend; a panel without values is left out."""


def save_pictures(pictures: Mapping[str, np.ndarray], folder: Path) -> list[Path]:
    """Write each picture as ``folder/<name>.png``, frames (T, H, W, 3) as ``.gif``; return the files."""
    from PIL import Image

    files = []
    for name, picture in pictures.items():
        folder.mkdir(parents=True, exist_ok=True)
        first, *others = (
            Image.fromarray(frame) for frame in (picture if picture.ndim == 4 else picture[None])
        )
        files.append(folder / f"{name}.{'gif' if picture.ndim == 4 else 'png'}")
        if others:
            first.save(files[-1], save_all=True, append_images=others, duration=FRAME_MS, loop=0)
        else:
            first.save(files[-1])
    return files


def scatter(label: str, x: ArrayLike, ys: Mapping[str, ArrayLike]) -> np.ndarray:
    """Draw each of ``ys`` (n,) against ``x`` (n,), a panel each; return the picture (H, W, 3) uint8."""
    canvas = _canvas(3.6 * len(ys), 3.4)
    figure = canvas.figure
    for axis, (name, y) in zip(figure.subplots(1, len(ys), squeeze=False)[0], ys.items(), strict=True):
        axis.plot(np.asarray(x), np.asarray(y), ".", markersize=2)
        axis.set(xlabel=label, ylabel=name)
        axis.grid(alpha=0.3)
    figure.subplots_adjust(left=0.3 / len(ys), right=0.98, bottom=0.15, top=0.96, wspace=0.35)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def draw_run(result: Result, folder: Path) -> None:
    """Write ``pictures/learning_curves.png`` and ``pictures/grs_curve.png``, where there is something to show.

    A picture that cannot be drawn is a warning: it never costs a run.
    """
    for name, draw in (("learning_curves", _learning_curves), ("grs_curve", _grs_curve)):
        attempt(
            f"picture {name}",
            partial(_save, partial(draw, result, folder), folder / "pictures" / f"{name}.png"),
        )


def attempt(what: str, action: Callable[[], object]) -> None:
    """Do what a run can do without: whatever goes wrong is a warning."""
    try:
        action()
    except Exception as error:
        log.warning("%s: %s: %s; the run continues without", what, type(error).__name__, error)


def _learning_curves(result: Result, folder: Path) -> Figure | None:
    from matplotlib.ticker import EngFormatter

    history = read_history(folder / "history.csv")
    shown = {
        title: {name: label for name, label in lines.items() if np.isfinite(history.get(name, [])).any()}
        for title, lines in PANELS.items()
    }
    shown = {title: lines for title, lines in shown.items() if lines}
    if not shown:
        return None
    figure = _canvas(4.0 * len(shown), 3.2).figure
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, (title, lines) in zip(axes, shown.items(), strict=True):
        for name, label in lines.items():
            there = np.isfinite(history[name])
            there[there] = (
                np.diff(history["step"][there], append=np.inf) > 0
            )  # of two rows of a step, the last
            axis.plot(
                history["step"][there], history[name][there], ".-" if there.sum() < 30 else "-", label=label
            )
        axis.set(xlabel="environment steps", title=title)
        axis.locator_params(axis="x", nbins=5)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))  # 150k: whole numbers run into each other
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    figure.subplots_adjust(
        left=0.18 / len(shown), right=1 - 0.05 / len(shown), bottom=0.15, top=0.83, wspace=0.25
    )
    figure.suptitle(result.run_id, fontsize="medium")
    return figure


def _grs_curve(result: Result, folder: Path) -> Figure | None:
    if len(result.levels) < 2:
        return None
    figure = _canvas(5.6, 4.0).figure
    axis = figure.subplots(gridspec_kw={"left": 0.13, "right": 0.97, "top": 0.88})
    levels = [entry["level"] for entry in result.levels]
    for i, mode in enumerate(("greedy", "sampled")):
        returns = [entry[mode]["returns"] for entry in result.levels]
        low, high = np.transpose([np.quantile(values, [0.1, 0.9]) for values in returns])
        axis.plot(
            levels,
            [np.mean(values) for values in returns],
            "o-" if i == 0 else "s--",
            color=f"C{i}",
            label=_mode_label(mode, result.grs[mode]),
        )
        axis.fill_between(levels, low, high, color=f"C{i}", alpha=0.15, linewidth=0)
    n = len(result.levels[0]["greedy"]["returns"])
    axis.set(xlabel="variation level", ylabel="episode return", xticks=levels)
    axis.set_title(f"{result.run_id}\nmean, and 10 to 90 % of {n} episodes a level", fontsize="medium")
    axis.grid(alpha=0.3)
    axis.legend(fontsize="small")
    return figure


def _mode_label(mode: str, score: Mapping[str, float]) -> str:
    retention = score.get("retention")
    area = f"{score['auc']:,.0f}" if abs(score["auc"]) >= 1000 else f"{score['auc']:.3g}"
    return f"{mode}: area {area}" + (f", GRS {retention:.2f}" if retention is not None else "")


def _canvas(width: float, height: float) -> FigureCanvasAgg:
    """Return a figure's canvas, drawn without a display, apart from pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    return FigureCanvasAgg(Figure(figsize=(width, height), dpi=90))


def _save(draw: Callable[[], Figure | None], path: Path) -> None:
    figure = draw()
    if figure is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
