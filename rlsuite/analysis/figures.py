"""What is drawn: degradation curves, heatmaps, learning curves, effects of techniques, and correlations, as panels by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rlsuite.analysis.agreement_correlation import Correlation
from rlsuite.analysis.scores import Cell, EvaluatedEnv, order
from rlsuite.analysis.svg import SERIES, Grid, Panel
from rlsuite.analysis.technique_comparison import TechniqueComparison

FOREST = 230
"""Room for the names of a forest plot's rows."""


@dataclass
class Figure:
    """Panels that belong together.

    Attributes:
        key: its file's name.
        title, note: what is seen.
        legend: names and series.
        cells: whose runs are in it, for the command that makes them.
    """

    key: str
    title: str
    note: str
    panels: Sequence[Panel | Grid]
    legend: list[tuple[str, int]]
    cells: list[Cell]


def colours(cells: Iterable[Cell]) -> dict[str, int]:
    """Return a series for each technique, the same in all figures; beyond eight they repeat."""
    techniques = sorted({cell.technique for cell in cells}, key=order)
    return {technique: i % SERIES for i, technique in enumerate(techniques)}


def degradation(env: EvaluatedEnv, cells: Sequence[Cell], series: dict[str, int]) -> Figure:
    """Mean return against the variation level, a panel an algorithm, a line a technique."""
    bounds = [b for b in (env.floors, env.references) if b is not None]
    y = _range([*(cell.curve for cell in cells), *bounds])
    panels = []
    for algo, members in _by_algo(cells).items():
        panel = Panel(algo, _span(env.levels), y, ("variation level", "return"))
        for bound in bounds:
            panel.reference(env.levels, bound)
        for cell in members:
            panel.line(env.levels, cell.curve, series[cell.technique], _name(cell), dots=True)
        panels.append(panel)
    note = (
        "Mean return of the evaluated policy over seeds; bands: 95 % bootstrap intervals (3 seeds or more)."
    )
    note += f" Dashed: floor and reference ({env.source})." if bounds else ""
    return Figure(
        f"degradation-{slug(env.name)}",
        f"{env.name}: return as the env changes",
        note,
        panels,
        _legend(cells, series),
        list(cells),
    )


def heatmap(env: EvaluatedEnv, cells: Sequence[Cell]) -> Figure:
    """Mean return at each level, a panel an algorithm, a row a technique."""
    bounds = _range(cell.curve[0] for cell in cells)
    columns = [f"{level:g}" for level in env.levels]
    panels = [
        Grid(
            algo,
            [cell.technique for cell in members],
            columns,
            np.array([cell.curve[0] for cell in members]),
            bounds,
        )
        for algo, members in _by_algo(cells).items()
    ]
    note = (
        "Mean return over seeds by variation level, the darker the more; intervals are in the curves above."
    )
    return Figure(
        f"heatmap-{slug(env.name)}",
        f"{env.name}: return by technique and level",
        note,
        panels,
        [],
        list(cells),
    )


def learning(env: EvaluatedEnv, cells: Sequence[Cell], series: dict[str, int]) -> Figure | None:
    """Training return against steps, a panel an algorithm; None if nothing was logged."""
    drawn = [cell for cell in cells if np.isfinite(cell.learning).any()]
    if not drawn:
        return None
    y, panels = _range(cell.learning for cell in drawn), []
    for algo, members in _by_algo(drawn).items():
        panel = Panel(
            algo, (0, max(cell.total_steps for cell in members)), y, ("env steps", "training return")
        )
        for cell in members:
            points = cell.learning.shape[1]
            panel.line(
                (np.arange(points) + 0.5) / points * cell.total_steps,
                cell.learning,
                series[cell.technique],
                _name(cell),
            )
        panels.append(panel)
    note = (
        "Mean return of training episodes over seeds, on the levels each technique trains on; bands as above."
    )
    return Figure(
        f"learning-{slug(env.name)}",
        f"{env.name}: learning curves",
        note,
        panels,
        _legend(drawn, series),
        drawn,
    )


def effects(
    comparisons: Sequence[TechniqueComparison], cells: Sequence[Cell], series: dict[str, int]
) -> list[Figure]:
    """Draw the paired difference to each control: over all envs if there are several, else for the one env."""
    found = []
    for control in sorted({c.control for c in comparisons}, key=order):
        chosen = [c for c in comparisons if c.control == control and not c.env]
        chosen = chosen or [c for c in comparisons if c.control == control][:40]
        x = _wider([np.array(c.difference)[None] for c in chosen] + [np.zeros((1, 1))])
        panel = Panel(
            f"minus {control}, paired by seed",
            x,
            (0.5, len(chosen) + 0.5),
            (chosen[0].metric, ""),
            _forest_size(len(chosen)),
            FOREST,
        )
        panel = _forest(
            panel,
            [
                (
                    f"{c.algo} {c.technique}" + (f" on {c.env}" if c.env else ""),
                    c.difference,
                    series.get(c.technique, 1),
                )
                for c in chosen
            ],
        )
        note = f"Mean difference of {chosen[0].metric} to {control} with 95 % bootstrap interval; right of 0 is better."
        found.append(
            Figure(
                f"effects-{slug(control)}",
                f"Effect of techniques against {control}",
                note,
                [panel],
                [],
                list(cells),
            )
        )
    return found


def correlations(rows: Sequence[Correlation], cells: Sequence[Cell]) -> Figure | None:
    """Draw rho of GAS and unseen return: every stratum, and combined."""
    chosen = [row for row in rows if row.predictor == "ratio" and row.outcome == "ood" and row.known]
    if not chosen:
        return None
    nan = float("nan")
    lines = [(f"all combined, n = {chosen[0].n}", chosen[0].interval, 2)]
    lines += [(f"{row.algo} combined, n = {row.n}", row.interval, 1) for row in chosen[1:]]
    if len(chosen[0].each) <= 24:
        lines += [(f"{e.env}, {e.algo}, n = {e.n}", (e.rho, nan, nan), 0) for e in chosen[0].each]
    panel = Panel(
        "Spearman's rho: early GAS, return on unseen levels",
        (-1, 1),
        (0.5, len(lines) + 0.5),
        ("rho", ""),
        _forest_size(len(lines)),
        FOREST,
    )
    note = "Within env x algorithm; combined by Fisher's z, 95 % cluster-bootstrap interval. Never pooled over envs."
    return Figure("gas-grs", "GAS and generalisation", note, [_forest(panel, lines)], [], list(cells))


def _forest(panel: Panel, lines: Sequence[tuple[str, Sequence[float], int]]) -> Panel:
    """Fill a panel whose rows are named instead of numbered."""
    panel.parts = [part for part in panel.parts if 'class="grid"' not in part]
    panel.parts.append(
        f'<path class="ref" d="M{panel.at(0, 0)[0]:.1f} {panel.top}V{panel.size[1] - panel.bottom}"/>'
    )
    for i, (name, summary, series) in enumerate(lines):
        row = len(lines) - i
        panel.interval(row, summary, series, name)
        y = panel.at(0, row)[1]
        panel.parts.append(
            f'<text class="small" x="{panel.left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{_escape(name[:44])}</text>'
        )
    return panel


def _forest_size(rows: int) -> tuple[int, int]:
    return 620, 64 + 18 * rows


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _by_algo(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    found = defaultdict(list)
    for cell in cells:
        found[cell.algo].append(cell)
    return found


def _name(cell: Cell) -> str:
    return f"{cell.technique}, n = {len(cell.runs)}"


def _legend(cells: Iterable[Cell], series: dict[str, int]) -> list[tuple[str, int]]:
    return [(m, series[m]) for m in sorted({cell.technique for cell in cells}, key=order)]


def _range(arrays: Iterable[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate([np.ravel(a) for a in arrays])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _wider(arrays: Iterable[np.ndarray]) -> tuple[float, float]:
    low, high = _range(arrays)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _span(levels: Sequence[float]) -> tuple[float, float]:
    return (min(levels), max(levels)) if len(levels) > 1 else (levels[0] - 0.5, levels[0] + 0.5)


def slug(name: str) -> str:
    """Return a file name for an env."""
    return "".join(c if c.isalnum() or c in "+-_." else "-" for c in name).strip("-")
