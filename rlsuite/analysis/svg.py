"""Figures as SVG text: a panel with axes, lines with bands, points with bars, and a grid of coloured cells.

Colours are classes (``c0``..``c7`` for series), which the report's style sheet gives a light and a dark form.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

STYLE = """
text{font:11px system-ui,sans-serif;fill:var(--ink,#222)} .title{font-weight:600} .small{font-size:10px}
.axis{stroke:var(--ink,#222);stroke-width:.8;fill:none} .grid{stroke:var(--line,#ddd);stroke-width:.6}
.ref{stroke:var(--ink,#222);stroke-width:.9;stroke-dasharray:2 3;opacity:.75;fill:none}
.l{fill:none;stroke-width:1.8;stroke-linejoin:round} .b{opacity:.16;stroke:none}
""" + "".join(
    f".l.c{i}{{stroke:var(--c{i},{colour})}} .b.c{i},.m.c{i}{{fill:var(--c{i},{colour})}}"
    for i, colour in enumerate(
        ("#666666", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c564b")
    )
)  # Okabe and Ito's palette, told apart with impaired colour vision too
SERIES = 8


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers within [low, high], roughly ``about`` of them."""
    span = (high - low) / about
    unit = 10.0 ** np.floor(np.log10(span))
    step = unit * min((1, 2, 2.5, 5, 10), key=lambda m: abs(m * unit - span))
    marks = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return [float(v) + 0.0 for v in np.round(marks, 12)]  # + 0.0: no -0


def number_text(value: float) -> str:
    """Return a number_text as a label: 12k, 1.5M, 0.25."""
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= bound:
            return f"{value / (1e3 if unit == 'k' else bound):.4g}{unit}"
    return f"{value:.4g}"


class Panel:
    """One plot. Data coordinates in, SVG out; nan breaks a line."""

    right, top, bottom = 16, 24, 36

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        labels: tuple[str, str] = ("", ""),
        size: tuple[int, int] = (300, 210),
        left: int = 46,
    ) -> None:
        self.left = left
        self.size, self.x, self.y = size, _room(*x, 0), _room(*y, 0.05)
        room = (size[0] - left) // 7  # letters
        title = title if len(title) <= room else title[: room - 1] + "…"
        self.parts = [f'<text class="title" x="{self.left}" y="14">{escape(title)}</text>']
        self._axes(labels)

    def at(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return pixel coordinates of numbers or arrays."""
        width, height = self.size[0] - self.left - self.right, self.size[1] - self.top - self.bottom
        px = self.left + (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0]) * width
        return px, self.top + height * (1 - (np.asarray(y, float) - self.y[0]) / (self.y[1] - self.y[0]))

    def _axes(self, labels: tuple[str, str]) -> None:
        width, height = self.size
        for value in ticks(*self.y):
            y = self.at(0, value)[1]
            self.parts.append(
                f'<path class="grid" d="M{self.left} {y:.1f}H{width - self.right}"/>'
                f'<text class="small" x="{self.left - 5}" y="{y + 3:.1f}" text-anchor="end">{number_text(value)}</text>'
            )
        for value in ticks(*self.x):
            x = self.at(value, 0)[0]
            self.parts.append(
                f'<text class="small" x="{x:.1f}" y="{height - self.bottom + 13}" '
                f'text-anchor="middle">{number_text(value)}</text>'
            )
        self.parts.append(
            f'<path class="axis" d="M{self.left} {self.top}V{height - self.bottom}H{width - self.right}"/>'
        )
        middle = (self.left + width - self.right) / 2
        self.parts.append(
            f'<text class="small" x="{middle}" y="{height - 6}" text-anchor="middle">{escape(labels[0])}</text>'
        )
        if labels[1]:
            self.parts.append(
                f'<text class="small" transform="translate(10 {(self.top + height - self.bottom) / 2}) '
                f'rotate(-90)" text-anchor="middle">{escape(labels[1])}</text>'
            )

    def line(self, x: Any, summary: np.ndarray, series: int, name: str = "", dots: bool = False) -> None:
        """Draw estimate, low and high (3, n) as a line with a band; a band that is nan is left out."""
        x = np.asarray(x, dtype=float)
        shown, bounded = np.isfinite(summary[0]), np.isfinite(summary).all(axis=0)
        if bounded.sum() > 1:
            there, back = (
                _path(*self.at(x[bounded], summary[2][bounded])),
                _path(*self.at(x[bounded][::-1], summary[1][bounded][::-1])),
            )
            self.parts.append(f'<path class="b c{series}" d="M{there}L{back}Z"/>')
        px, py = self.at(x[shown], summary[0][shown])
        title = f"<title>{escape(name)}</title>" if name else ""
        if shown.any():
            self.parts.append(f'<path class="l c{series}" d="M{_path(px, py)}">{title}</path>')
        if dots or shown.sum() == 1:
            self.parts += [
                f'<circle class="m c{series}" cx="{a:.1f}" cy="{b:.1f}" r="2.6"/>'
                for a, b in zip(px, py, strict=True)
            ]

    def reference(self, x: Sequence[float], y: np.ndarray) -> None:
        """Draw a thin dashed line."""
        self.parts.append(f'<path class="ref" d="M{_path(*self.at(np.asarray(x), y))}"/>')

    def interval(self, row: float, summary: Sequence[float], series: int, label: str) -> None:
        """Draw one estimate with its interval along x, in a row of a forest plot."""
        estimate, low, high = summary
        (x, a, b), (y, _, _) = self.at(np.array([estimate, low, high]), np.full(3, row))
        if np.isfinite([a, b]).all():
            self.parts.append(f'<path class="l c{series}" d="M{a:.1f} {y:.1f}H{b:.1f}"/>')
        self.parts.append(
            f'<circle class="m c{series}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"><title>{escape(label)}</title></circle>'
        )

    def svg(self: Panel | Grid, place: str = "") -> str:
        """Return the element; ``place`` sets where it stands within another one."""
        width, height = self.size
        return f'<svg {place}viewBox="0 0 {width} {height}" role="img" xmlns="http://www.w3.org/2000/svg">{"".join(self.parts)}</svg>'


class Grid:
    """Numbers in cells, the larger the more coloured: named rows, named columns, values (rows, columns) between ``low`` and ``high``."""

    cell, top = (50, 20), 38

    def __init__(
        self,
        title: str,
        rows: Sequence[str],
        columns: Sequence[str],
        values: np.ndarray,
        bounds: tuple[float, float],
        left: int = 110,
    ) -> None:
        (width, height), top = self.cell, self.top
        self.size = (left + width * len(columns) + 16, top + height * len(rows) + 10)
        self.parts = [f'<text class="title" x="{left}" y="14">{escape(title)}</text>']
        for j, name in enumerate(columns):
            self._text(left + (j + 0.5) * width, top - 6, name, "middle")
        for i, name in enumerate(rows):
            self._text(left - 6, top + (i + 0.7) * height, name, "end")
            for j, value in enumerate(values[i]):
                share = 0.0 if bounds[1] <= bounds[0] else (value - bounds[0]) / (bounds[1] - bounds[0])
                shade = 0.06 + 0.6 * float(np.nan_to_num(share))  # never so dark that the number_text is lost
                self.parts.append(
                    f'<rect class="m c1" fill-opacity="{shade:.2f}" x="{left + j * width + 1}" y="{top + i * height + 1}" '
                    f'width="{width - 2}" height="{height - 2}"/>'
                )
                self._text(left + (j + 0.5) * width, top + (i + 0.7) * height, f"{value:.3g}", "middle")

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self.parts.append(
            f'<text class="small" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    svg = Panel.svg


def sheet(panels: Sequence[Panel | Grid], legend: Sequence[tuple[str, int]], columns: int = 4) -> str:
    """Return one standalone SVG of several panels, with its own style and legend."""
    width, height = (max(panel.size[k] for panel in panels) for k in (0, 1))
    columns = min(columns, len(panels))
    total = columns * width, -(-len(panels) // columns) * height + 24
    inner = "".join(
        panel.svg(
            f'x="{i % columns * width}" y="{24 + i // columns * height}" width="{panel.size[0]}" height="{panel.size[1]}" '
        )
        for i, panel in enumerate(panels)
    )
    x, entries = 10, []
    for name, series in legend:
        entries.append(
            f'<path class="l c{series}" d="M{x} 12h18"/><text x="{x + 22}" y="16">{escape(name)}</text>'
        )
        x += 40 + 6 * len(name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(total[0], x)} {total[1]}" width="{max(total[0], x)}">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="var(--paper,#fff)"/>{"".join(entries)}{inner}</svg>\n'
    )


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _room(low: float, high: float, share: float) -> tuple[float, float]:
    if not np.isfinite([low, high]).all():
        low, high = 0.0, 1.0
    room = (high - low) * share or (0 if high > low else abs(high) * 0.1 or 1.0)
    return low - room, high + room
