"""Is one technique better than another? Paired by seed, within a task and over all tasks of an algorithm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rlsuite import metrics
from rlsuite.analysis.cells import Cell, Interval, Task, order, spread

CONTROLS = ("baseline", "dr")
"""What every other technique is held against: nothing, and the mean gradient over the same variations."""

NOTHING = (float("nan"),) * 3


@dataclass
class Comparison:
    """``method`` against ``control`` for one learner, on one task or (task = "") over all that have both.

    Attributes:
        metric: the score that is compared.
        n: runs paired by seed; ``tasks`` they come from.
        difference: mean of method minus control, each task weighing the same, with its interval.
        p: two-sided sign-flip permutation; ``p_holm`` adjusted for all comparisons of the same scope.
        better: probability that a run of method beats one of control (not paired), over all tasks only.
    """

    learner: str
    method: str
    control: str
    task: str
    metric: str
    n: int
    tasks: int
    difference: Interval
    p: float
    p_holm: float = float("nan")
    better: Interval = NOTHING


def compare(cells: Sequence[Cell], tasks: Sequence[Task], rng: np.random.Generator) -> list[Comparison]:
    """Return all comparisons, over all tasks first."""
    main = {task.name: task.main for task in tasks}
    by_name = {(cell.task, cell.learner, cell.method): cell for cell in cells}
    pairs: list[tuple[Cell, Cell]] = []
    for cell in cells:
        for control in CONTROLS:
            other = by_name.get((cell.task, cell.learner, control))
            if other and order(control) < order(cell.method):
                pairs.append((cell, other))
    single = _within(pairs, main, rng)
    return [*_holm(_over_tasks(pairs, main, rng)), *_holm(single)]


def paired(cell: Cell, control: Cell, metric: str) -> np.ndarray:
    """Return the differences (n,) of the runs that share a seed."""
    ours, theirs = ({run.seed: run.scores[metric] for run in c.runs} for c in (cell, control))
    found = np.array([ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))], dtype=float)
    return found[~np.isnan(found)]


def _within(
    pairs: list[tuple[Cell, Cell]], main: dict[str, str], rng: np.random.Generator
) -> list[Comparison]:
    differences = [paired(cell, control, main[cell.task])[:, None] for cell, control in pairs]
    means = spread(differences, partial(metrics.mean_intervals, rng=rng))
    tests = spread(differences, lambda d: np.stack([metrics.sign_flip(d, rng)] * 3), least=1)
    return [
        Comparison(
            cell.learner,
            cell.method,
            control.method,
            cell.task,
            main[cell.task],
            len(d),
            1,
            tuple(mean[:, 0]),
            float(test[0, 0]),
        )
        for (cell, control), d, mean, test in zip(pairs, differences, means, tests, strict=True)
        if len(d)
    ]


def _over_tasks(
    pairs: list[tuple[Cell, Cell]], main: dict[str, str], rng: np.random.Generator
) -> list[Comparison]:
    """Pool the tasks whose scores are normalised, so that they can be averaged."""
    together: dict[tuple[str, str, str], list[tuple[Cell, Cell]]] = defaultdict(list)
    for cell, other in pairs:
        if main[cell.task] == "score_auc" and usual(cell) and usual(other):
            together[cell.learner, cell.method, other.method].append((cell, other))
    found = []
    for (learner, method, control), members in together.items():
        strata = [d for d in (paired(a, b, "score_auc") for a, b in members) if len(d)]
        if len(strata) < 2:
            continue
        weighted = np.concatenate([d / len(d) / len(strata) for d in strata])
        scores = [(_aucs(cell), _aucs(other)) for cell, other in members]
        found.append(
            Comparison(
                learner,
                method,
                control,
                "",
                "score_auc",
                len(weighted),
                len(strata),
                _stratified_mean(strata, rng),
                float(metrics.sign_flip(weighted[:, None], rng)[0]),
                better=metrics.probability_of_improvement(scores, rng, resamples(2 * len(weighted))),
            )
        )
    return found


def _aucs(cell: Cell) -> np.ndarray:
    return np.array([run.scores["score_auc"] for run in cell.runs])


def usual(cell: Cell) -> bool:
    """Tell whether its runs have the settings that are usual on its task: variants are not averaged over tasks."""
    return " [" not in cell.learner + cell.method


def _stratified_mean(strata: list[np.ndarray], rng: np.random.Generator) -> Interval:
    weighted = np.concatenate([d / len(d) / len(strata) for d in strata])
    replicates = metrics.resample_counts([len(d) for d in strata], 2000, rng) @ weighted
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(weighted.sum()), float(low), float(high)


def _holm(comparisons: list[Comparison]) -> list[Comparison]:
    for comparison, p in zip(comparisons, metrics.holm(np.array([c.p for c in comparisons])), strict=True):
        comparison.p_holm = float(p)
    return comparisons


@dataclass
class Overall:
    """The interquartile mean of a learner's and method's normalised scores over all tasks, stratified by task."""

    learner: str
    method: str
    tasks: int
    n: int
    score_auc: Interval
    score_ood: Interval
    score_retention: Interval


def overall(cells: Sequence[Cell], tasks: Sequence[Task], rng: np.random.Generator) -> list[Overall]:
    """Return a row for each learner and method that has normalised scores on two tasks or more."""
    normalised = {task.name for task in tasks if task.main == "score_auc"}
    together: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.task in normalised and usual(cell):
            together[cell.learner, cell.method].append(cell)
    rows = []
    for (learner, method), members in sorted(
        together.items(), key=lambda item: (item[0][0], order(item[0][1]))
    ):
        names = {cell.task for cell in members}
        if len(names) > 1:
            found = [_pooled(members, name, rng) for name in ("score_auc", "score_ood", "score_retention")]
            rows.append(Overall(learner, method, len(names), sum(len(c.runs) for c in members), *found))
    return rows


def _pooled(members: list[Cell], name: str, rng: np.random.Generator) -> Interval:
    """Pool one score; nothing where a task has no value of it at all: the rest would pass for all tasks."""
    strata = [np.array([run.scores[name] for run in cell.runs]) for cell in members]
    strata = [s[~np.isnan(s)] for s in strata]
    known = all(len(s) for s in strata)
    return metrics.stratified_iqm(strata, rng, resamples(sum(map(len, strata)))) if known else NOTHING


def resamples(n: int) -> int:
    """Return how many resamples n values get: 2,000, down to 500 for hundreds, where the ends settle sooner."""
    return int(np.clip(400_000 / max(n, 1), 500, 2000))
