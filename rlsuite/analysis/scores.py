"""A cell is an env, an algo and a technique; its runs differ in their seed. Scores of runs, intervals of cells."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rlsuite import metrics
from rlsuite.analysis.counted_runs import Run
from rlsuite.metrics.intervals import MeanInterval

LEAST = 3
"""Runs from which on an interval is given at all; below ten it is too narrow, and the report says so."""

SCORE_NAMES = (
    "train",
    "auc",
    "ood",
    "retention",
    "score",
    "score_auc",
    "score_ood",
    "score_retention",
    "score_gap",
)


@dataclass
class EvaluatedEnv:
    """An env as it was evaluated, and the range its returns are measured by.

    Attributes:
        levels: that every run of its table was evaluated on.
        floors, references: return of nothing and of the best at each level (L,); None where unknown.
        source: where the range comes from, in words.
    """

    name: str
    levels: tuple[float, ...]
    floors: np.ndarray | None = None
    references: np.ndarray | None = None
    source: str = "unknown: train algo=random on it, or let the env name its score_range"

    @property
    def main(self) -> str:
        """The score cells are ranked by: the normalised area where there is a range, else the area of returns."""
        return "auc" if self.floors is None else "score_auc"


@dataclass
class Cell:
    """The runs of one cell and what can be said of them; intervals are (estimate, low, high), nan where unknown."""

    env: str
    algo: str
    technique: str
    runs: list[Run]
    scores: dict[str, MeanInterval] = field(default_factory=dict)
    curve: np.ndarray = field(default_factory=lambda: np.empty((3, 0)))  # mean return at each level, (3, L)
    learning: np.ndarray = field(default_factory=lambda: np.empty((3, 0)))  # of training return, (3, POINTS)
    total_steps: int = 0


def build_cells(
    runs: Sequence[Run], rng: np.random.Generator, mode: str = "greedy"
) -> tuple[list[EvaluatedEnv], list[Cell]]:
    """Score the runs that count and gather them in cells; runs on other levels than their env's are left out.

    Args:
        runs: from ``runs.prepare``; ``scores`` and ``left_out`` are filled in.
        rng: source of the resamples.
        mode: the policy that is evaluated, greedy or sampled.
    """
    envs, cells = [], defaultdict(list)
    by_env = defaultdict(list)
    for run in runs:
        if not run.left_out:
            by_env[run.env].append(run)
    for name in sorted(by_env):
        envs.append(_score(name, by_env[name], mode))
        for run in by_env[name]:
            if not run.left_out:
                cells[run.cell].append(run)
    built = [
        Cell(*names, runs=members, total_steps=members[0].record["total_steps"])
        for names, members in cells.items()
    ]
    built.sort(key=lambda cell: (cell.env, cell.algo, order(cell.technique)))
    _fill(built, {env.name: env for env in envs}, rng, mode)
    return envs, built


def order(technique: str) -> tuple[bool, bool, str]:
    """Sort key of techniques: baseline first, then its control dr, then by name."""
    return technique != "baseline", technique != "dr", technique


def returns(run: Run, levels: Sequence[float], mode: str) -> list[float] | None:
    """Return the run's mean return at each of ``levels``; None if it lacks one. Its own result goes before later files."""
    found = {row["level"]: row[mode]["return"] for row in reversed(run.record["levels"]) if mode in row}
    return None if any(found.get(level) is None for level in levels) else [found[level] for level in levels]


def _score(name: str, runs: list[Run], mode: str) -> EvaluatedEnv:
    own = Counter(
        tuple(sorted({r["level"] for r in run.record["levels"] if r["source"] == "result"})) for run in runs
    )
    levels = max(own, key=lambda key: (own[key], len(key)))
    env, told = EvaluatedEnv(name, levels), []
    for run in runs:
        values = returns(run, levels, mode)
        if values is None:
            shown = ",".join(f"{level:g}" for level in levels)
            run.left_out = f"not evaluated on every level of its env: python -m rlsuite.evaluate -m run={run.folder} level={shown}"
        else:
            told.append((run, values))
    if told:
        curves = np.array([values for _, values in told], dtype=float)
        _set_range(env, [run for run, _ in told], curves)
        found = metrics.curve_scores(levels, curves, env.floors, env.references)
        for i, (run, _) in enumerate(told):
            run.scores = {score: float(found[score][i]) for score in SCORE_NAMES}
    return env


def _set_range(env: EvaluatedEnv, runs: list[Run], curves: np.ndarray) -> None:
    """Take floors and references from the env's own word, else from random play and the best cell in this tree."""
    rows = [{r["level"]: (r["floor"], r["reference"]) for r in run.record["levels"]} for run in runs]
    told = [row for row in rows if all(None not in row.get(level, (None,)) for level in env.levels)]
    if told:
        bounds = np.array([told[0][level] for level in env.levels], dtype=float)
        env.floors, env.references, env.source = bounds[:, 0], bounds[:, 1], "as the env declares them"
        return
    members = defaultdict(list)
    for run, curve in zip(runs, curves, strict=True):
        members[run.algo, run.technique].append(curve)
    random = [
        curve for (algo, _), some in members.items() if algo.split(" ")[0] == "random" for curve in some
    ]
    learnt = [np.mean(some, axis=0) for (algo, _), some in members.items() if algo.split(" ")[0] != "random"]
    if random and learnt:
        env.floors, env.references = np.mean(random, axis=0), np.max(learnt, axis=0)
        env.source = f"floor: random play, n = {len(random)}; reference: the best cell here at each level"


def _fill(cells: list[Cell], envs: dict[str, EvaluatedEnv], rng: np.random.Generator, mode: str) -> None:
    scores = [np.array([[run.scores[name] for name in SCORE_NAMES] for run in cell.runs]) for cell in cells]
    curves = [np.array([returns(r, envs[cell.env].levels, mode) for r in cell.runs], float) for cell in cells]
    logged = [[run.record["curve"] for run in cell.runs if run.record["curve"]] for cell in cells]
    learning = [np.array(some or np.empty((0, 0)), dtype=float) for some in logged]
    for cell, found in zip(
        cells, column_intervals(scores, partial(metrics.iqm_intervals, rng=rng)), strict=True
    ):
        cell.scores = {name: tuple(found[:, k]) for k, name in enumerate(SCORE_NAMES)}
    bands = column_intervals(curves, partial(metrics.mean_intervals, rng=rng))
    # these are only looked at: 500 resamples are enough
    drawn = column_intervals(learning, partial(metrics.mean_intervals, rng=rng, reps=500))
    for cell, curve, learnt in zip(cells, bands, drawn, strict=True):
        cell.curve, cell.learning = curve, learnt


def column_intervals(
    samples: Sequence[np.ndarray], summarise: Callable[[np.ndarray], np.ndarray], least: int = LEAST
) -> list[np.ndarray]:
    """Give every column of every (n_i, m_i) matrix its interval, samples of one size in one call.

    nan values are left out of their column. Below ``least`` values there is an estimate without bounds.

    Returns:
        (3, m_i) each; nan where there is no value.
    """
    found = [np.full((3, sample.shape[1]), np.nan) for sample in samples]
    waiting: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = defaultdict(list)
    for i, sample in enumerate(samples):
        known = ~np.isnan(sample)
        for n in np.unique(known.sum(axis=0)):
            columns = np.flatnonzero(known.sum(axis=0) == n)
            if n:
                values = sample[:, columns].T[known[:, columns].T].reshape(len(columns), n).T
                waiting[int(n)].append((i, columns, values))
    for n, parts in waiting.items():
        summary = summarise(np.concatenate([values for _, _, values in parts], axis=1))
        if n < least:
            summary[1:] = np.nan
        ends = np.cumsum([len(columns) for _, columns, _ in parts])[:-1]
        for (i, columns, _), part in zip(parts, np.split(summary, ends, axis=1), strict=True):
            found[i][:, columns] = part
    return found
