"""report.html: one file that needs nothing else, figures and tables with the commands that made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from pathlib import Path

import numpy as np

from rlsuite.analysis import figures, summary, table_rows
from rlsuite.analysis.figures import Figure
from rlsuite.analysis.formatting import interval, plain, remark
from rlsuite.analysis.scores import EvaluatedEnv
from rlsuite.analysis.study import Study, train_command
from rlsuite.analysis.svg import STYLE

OPEN = 6
"""Envs whose figures are shown at once; those of further ones open on a click."""


def html(study: Study, drawn: dict[str, list[Figure]]) -> str:
    """Return the whole page.

    Args:
        study: what was found.
        drawn: figures by section, from ``draw_figures``.
    """
    sections = [
        ("answer", "GAS and GRS", _answer(study, drawn)),
        ("grs", "Generalisation", _grs(study)),
        ("matrix", "Technique x algorithm", _matrices(study)),
        ("degradation", "As the env changes", _figures(drawn["degradation"], study)),
        ("techniques", "Effect of techniques", _effects(study, drawn)),
        ("learning", "Learning curves", _figures(drawn["learning"], study)),
        (
            "best",
            "Best models",
            _table(table_rows.BEST_HEADS, table_rows.best_rows(study))
            + _note(
                "The run with the highest return on the training level; test levels have no say in the choice."
            ),
        ),
        ("failures", "Failures", _failures(study)),
        ("compute", "Compute", _table(table_rows.COMPUTE_HEADS, table_rows.compute_rows(study))),
        ("left-out", "Not counted", _left_out(study)),
    ]
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{title}</h2>{content}</section>' for key, title, content in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>rlsuite report</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{_asset('report.css')}{STYLE}</style></head><body><header><h1>rlsuite report</h1>"
        f"<p>{escape(summary.headline(study))}. Judged: the {study.mode} policy.</p>{_command(study.command)}<nav>{links}</nav>"
        f"</header><main>{body}</main><script>{_asset('report.js')}</script></body></html>\n"
    )


def draw_figures(study: Study) -> dict[str, list[Figure]]:
    """Draw every figure, by section."""
    series = figures.colours(study.cells)
    own = {env.name: [cell for cell in study.cells if cell.env == env.name] for env in study.envs}
    curves = [figures.learning(env, own[env.name], series) for env in study.envs if own[env.name]]
    correlation = figures.correlations(study.predictions, study.cells)
    return {
        "degradation": [
            figure
            for t in study.envs
            if own[t.name]
            for figure in (figures.degradation(t, own[t.name], series), figures.heatmap(t, own[t.name]))
        ],
        "learning": [figure for figure in curves if figure],
        "techniques": figures.effects(study.comparisons, study.cells, series),
        "answer": [correlation] if correlation else [],
    }


def _answer(study: Study, drawn: dict[str, list[Figure]]) -> str:
    note = "Agreement is the mean over 10 to 50 % of training. p: shuffled within strata. A predictor is worth something if it beats the trivial ones."
    rows = table_rows.prediction_rows(study)
    return f'<p class="lead">{escape(summary.answer(study))}</p>' + (
        _table(table_rows.PREDICTION_HEADS, rows) + _note(note) + _figures(drawn["answer"], study)
        if rows
        else ""
    )


def _grs(study: Study) -> str:
    rows, said = table_rows.grs_rows(study), [remark(cell, cell.scores) for cell in study.cells]
    rows = [[*row, note] for row, note in zip(rows, said, strict=True)]
    sources = "".join(
        f"<li><b>{escape(t.name)}</b>: levels {', '.join(f'{v:g}' for v in t.levels)}; {escape(t.source)}</li>"
        for t in study.envs
    )
    note = (
        "Interquartile mean over seeds with 95 % bootstrap interval. Score: (return - floor) / (reference - floor), clipped to [0, 1]; AUC: area "
        "under it over the levels, the number to rank by; unseen: levels above .5, which no technique trains on; retention: area relative to "
        "the training level, where something was learnt. GRS (original): area of returns / return at the lowest level; it flatters weak policies."
    )
    overall = table_rows.overall_rows(study)
    extra = (
        "<h3>Over all envs</h3>"
        + _table(table_rows.OVERALL_HEADS, overall)
        + _note("Runs pooled over envs, resampled within each env.")
        if overall
        else ""
    )
    return (
        _filter()
        + _table([*table_rows.GRS_HEADS, "remark"], rows, "grs-table")
        + _note(note)
        + _command(study.command)
        + f"<details><summary>Levels and ranges</summary><ul>{sources}</ul></details>{extra}"
    )


def _matrices(study: Study) -> str:
    """Return a heatmap an env as an HTML table: rows techniques, columns algorithms, a hole its command."""
    blocks = [(env.name, _matrix(study, env)) for env in study.envs]
    note = _note(
        "Interquartile mean of AUC (of returns where no range is known), the more the darker within an env. Holes say what fills them."
    )
    return (
        note
        + "".join(_folded(name, block, i) for i, (name, block) in enumerate(blocks))
        + _command(study.command)
    )


def _matrix(study: Study, env: EvaluatedEnv) -> str:
    techniques, algos, own = study.matrix(env)
    values = [cell.scores[env.main][0] for cell in own.values()]
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    lines, holes = [], []
    for technique in techniques:
        line = f"<th>{escape(technique)}</th>"
        for algo in algos:
            cell = own.get((technique, algo))
            if cell:
                value = cell.scores[env.main]
                share = 0.0 if high <= low else (value[0] - low) / (high - low)
                line += f'<td class="heat" style="--v:{share:.2f}" title="{interval(value)}">{plain(value[0])}<small>n = {len(cell.runs)}</small></td>'
            elif instead := study.replaced(env.name, algo, technique):
                line += f'<td class="hole">{escape(instead)}</td>'
            else:
                command = study.fill(env.name, algo, technique)
                holes.append((f"{algo}, {technique}", command))
                line += f'<td class="hole" title="{escape(command, quote=True)}">hole {len(holes)}</td>'
        lines.append(f"<tr>{line}</tr>")
    head = "".join(f"<th>{escape(algo)}</th>" for algo in algos)
    listed = "".join(f"<li>{escape(name)}: <code>{escape(command)}</code></li>" for name, command in holes)
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        + (
            f"<details><summary>{len(holes)} holes and the commands that fill them</summary><ol>{listed}</ol></details>"
            if holes
            else ""
        )
    )


def _effects(study: Study, drawn: dict[str, list[Figure]]) -> str:
    rows = table_rows.comparison_rows(study)
    note = (
        "Differences are paired by seed; p: sign-flip permutation, Holm-adjusted for all comparisons of its scope (one env; all envs). "
        "P(improvement): chance that a run of the technique beats one of the control, averaged over envs. "
        "Against dr, which sees the same variations, it shows whether a technique adds anything to variety itself."
    )
    return _figures(drawn["techniques"], study) + (
        _table(table_rows.COMPARISON_HEADS, rows) + _note(note)
        if rows
        else _note("No two techniques of one env and algorithm share a seed.")
    )


def _failures(study: Study) -> str:
    rows = table_rows.failure_rows(study)
    return _table(["class", "runs", "example", "folder"], rows) if rows else "<p>None.</p>"


def _left_out(study: Study) -> str:
    runs = [[run.folder, run.left_out] for run in study.runs if run.left_out]
    files = [[problem.path, problem.reason] for problem in study.problems]
    blocks = [("Runs", ["folder", "why"], runs), ("Files that were not used", ["file", "why"], files)]
    return "".join(
        f"<h3>{title}: {len(rows)}</h3>" + (_table(heads, rows) if rows else "")
        for title, heads, rows in blocks
    )


def _figures(drawn: Sequence[Figure], study: Study) -> str:
    return (
        "".join(_folded(figure.title, _figure(figure, study), i) for i, figure in enumerate(drawn))
        or "<p>Nothing to draw.</p>"
    )


def _figure(figure: Figure, study: Study) -> str:
    legend = "".join(
        f'<span><i class="k{series}"></i>{escape(name)}</span>' for name, series in figure.legend
    )
    panels = "".join(panel.svg() for panel in figure.panels)
    made = train_command([run for cell in figure.cells for run in cell.runs])
    wide = ' class="wide"' if figure.panels[0].size[0] > 400 else ""
    return (
        f'<figure id="{figure.key}"{wide}><div class="legend">{legend}</div><div class="panels">{panels}</div>'
        f"<figcaption>{escape(figure.note)}{_command(study.command, 'drawn by')}{_command(made, 'runs like these (other settings: their config.yaml) by')}"
        "</figcaption></figure>"
    )


def _folded(title: str, content: str, i: int) -> str:
    return f"<details{' open' if i < OPEN else ''}><summary>{escape(title)}</summary>{content}</details>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], key: str = "") -> str:
    cells: Callable[[Sequence[str]], str] = lambda row: "".join(f"<td>{escape(cell)}</td>" for cell in row)  # noqa: E731
    head = "".join(f'<th aria-sort="none"><button type="button">{escape(h)}</button></th>' for h in heads)
    name = f' id="{key}"' if key else ""
    body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="sortable"{name}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _filter() -> str:
    return '<p><label>Show rows with <input type="search" data-for="grs-table" placeholder="env, algorithm, technique"></label></p>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _command(text: str, what: str = "made by") -> str:
    return f'<div class="command">{what} <code>{escape(text)}</code></div>'


@cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text()
