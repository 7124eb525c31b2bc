"""Numbers and remarks as the tables show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rlsuite.analysis.scores import Cell
from rlsuite.metrics import remarks
from rlsuite.metrics.intervals import MeanInterval


def interval(summary: Sequence[float], digits: int = 3) -> str:
    """Return ``0.612 [0.581, 0.640]``; without bounds where there are none, a dash where there is nothing."""
    estimate, low, high = (plain(value, digits) for value in summary)
    return estimate if low == "-" or high == "-" else f"{estimate} [{low}, {high}]"


def plain(value: float | None, digits: int = 3) -> str:
    """Return a number with about ``digits`` significant places."""
    if value is None or not np.isfinite(value):
        return "-"
    return (
        f"{value:.{digits}f}"
        if abs(value) < 10
        else f"{value:,.1f}"
        if abs(value) < 1000
        else f"{value:,.0f}"
    )


def probability(p: float) -> str:
    """Return a p value, never as zero."""
    return "-" if not np.isfinite(p) else f"{p:.3f}" if p >= 0.001 else "< 0.001"


def remark(cell: Cell, scores: Mapping[str, MeanInterval]) -> str:
    """Return what must be said of a cell's scores."""
    estimates = {name: summary[0] if np.isfinite(summary[0]) else None for name, summary in scores.items()}
    said = remarks(estimates)
    if 3 <= len(cell.runs) < 10:
        said.append("fewer than 10 seeds: the interval is too narrow")
    elif len(cell.runs) < 3:
        said.append("fewer than 3 seeds: no interval")
    return "; ".join(said)
