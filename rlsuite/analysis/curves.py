"""Learning curves of runs, brought to one grid: from history.csv, or from event files where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rlsuite.analysis.events import read_scalars
from rlsuite.runs.history import read_history

POINTS = 40
"""Points a curve is drawn with: the means of as many equal parts of a run."""

RETURN = "rollout/ep_rew_mean"


def read_curve(folder: Path, total_steps: float) -> list[float | None] | None:
    """Return the mean training return of each of ``POINTS`` equal parts of a run; None if nothing was logged.

    Parts in which nothing was logged are interpolated; those before the first and after the last point are None.

    Raises:
        ValueError: If the file there is none of ours.
    """
    history = folder / "history.csv"
    if history.exists():
        columns = read_history(history, [RETURN])
        values = columns.get(RETURN, np.empty(0))
        logged = np.isfinite(values)
        found = columns["step"][: len(values)][logged], values[logged]
    else:
        found = read_scalars(folder / "tb").get(RETURN, (np.empty(0), np.empty(0)))
    return resample(*found, total_steps)


def resample(steps: np.ndarray, values: np.ndarray, total_steps: float) -> list[float | None] | None:
    """Return the means of ``values`` over ``POINTS`` equal parts of [0, total_steps], see ``read_curve``."""
    known = np.isfinite(values)
    if not known.any() or total_steps <= 0:
        return None
    part = np.minimum(steps[known] * (POINTS / total_steps), POINTS - 1).astype(int)
    counts = np.bincount(part, minlength=POINTS)
    filled = np.flatnonzero(counts)
    means = np.bincount(part, values[known], POINTS)[filled] / counts[filled]
    curve = np.interp(np.arange(POINTS), filled, means)
    outside = (np.arange(POINTS) < filled[0]) | (np.arange(POINTS) > filled[-1])
    return [None if gone else float(f"{value:.6g}") for value, gone in zip(curve, outside, strict=True)]
