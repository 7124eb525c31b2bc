"""Is one technique better than another? Paired by seed, within an env and over all envs of an algorithm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rlsuite import metrics
from rlsuite.analysis.scores import Cell, EvaluatedEnv, column_intervals, order
from rlsuite.metrics.intervals import MeanInterval

CONTROLS = ("baseline", "dr")
"""What every other technique is held against: nothing, and the mean gradient over the same variations."""

NOTHING = (float("nan"),) * 3


@dataclass
class TechniqueComparison:
    """``technique`` against ``control`` for one algo, on one env or (env = "") over all that have both.

    Attributes:
        metric: the score that is compared.
        n: runs paired by seed; ``envs`` they come from.
        difference: mean of technique minus control, each env weighing the same, with its interval.
        p: two-sided sign-flip permutation; ``p_holm`` adjusted for all comparisons of the same scope.
        better: probability that a run of technique beats one of control (not paired), over all envs only.
    """

    algo: str
    technique: str
    control: str
    env: str
    metric: str
    n: int
    envs: int
    difference: MeanInterval
    p: float
    p_holm: float = float("nan")
    better: MeanInterval = NOTHING


def compare_techniques(
    cells: Sequence[Cell], envs: Sequence[EvaluatedEnv], rng: np.random.Generator
) -> list[TechniqueComparison]:
    """Return all comparisons, over all envs first."""
    main = {env.name: env.main for env in envs}
    by_name = {(cell.env, cell.algo, cell.technique): cell for cell in cells}
    pairs: list[tuple[Cell, Cell]] = []
    for cell in cells:
        for control in CONTROLS:
            other = by_name.get((cell.env, cell.algo, control))
            if other and order(control) < order(cell.technique):
                pairs.append((cell, other))
    single = _within(pairs, main, rng)
    return [*_holm(_over_envs(pairs, main, rng)), *_holm(single)]


def paired(cell: Cell, control: Cell, metric: str) -> np.ndarray:
    """Return the differences (n,) of the runs that share a seed."""
    ours, theirs = ({run.seed: run.scores[metric] for run in c.runs} for c in (cell, control))
    found = np.array([ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))], dtype=float)
    return found[~np.isnan(found)]


def _within(
    pairs: list[tuple[Cell, Cell]], main: dict[str, str], rng: np.random.Generator
) -> list[TechniqueComparison]:
    differences = [paired(cell, control, main[cell.env])[:, None] for cell, control in pairs]
    means = column_intervals(differences, partial(metrics.mean_intervals, rng=rng))
    tests = column_intervals(differences, lambda d: np.stack([metrics.sign_flip(d, rng)] * 3), least=1)
    return [
        TechniqueComparison(
            cell.algo,
            cell.technique,
            control.technique,
            cell.env,
            main[cell.env],
            len(d),
            1,
            tuple(mean[:, 0]),
            float(test[0, 0]),
        )
        for (cell, control), d, mean, test in zip(pairs, differences, means, tests, strict=True)
        if len(d)
    ]


def _over_envs(
    pairs: list[tuple[Cell, Cell]], main: dict[str, str], rng: np.random.Generator
) -> list[TechniqueComparison]:
    """Pool the envs whose scores are normalised, so that they can be averaged."""
    together: dict[tuple[str, str, str], list[tuple[Cell, Cell]]] = defaultdict(list)
    for cell, other in pairs:
        if main[cell.env] == "score_auc" and usual(cell) and usual(other):
            together[cell.algo, cell.technique, other.technique].append((cell, other))
    found = []
    for (algo, technique, control), members in together.items():
        strata = [d for d in (paired(a, b, "score_auc") for a, b in members) if len(d)]
        if len(strata) < 2:
            continue
        weighted = np.concatenate([d / len(d) / len(strata) for d in strata])
        scores = [(_aucs(cell), _aucs(other)) for cell, other in members]
        found.append(
            TechniqueComparison(
                algo,
                technique,
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
    """Tell whether its runs have the settings that are usual on its env: variants are not averaged over envs."""
    return " [" not in cell.algo + cell.technique


def _stratified_mean(strata: list[np.ndarray], rng: np.random.Generator) -> MeanInterval:
    weighted = np.concatenate([d / len(d) / len(strata) for d in strata])
    replicates = metrics.resample_counts([len(d) for d in strata], 2000, rng) @ weighted
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(weighted.sum()), float(low), float(high)


def _holm(comparisons: list[TechniqueComparison]) -> list[TechniqueComparison]:
    for comparison, p in zip(comparisons, metrics.holm(np.array([c.p for c in comparisons])), strict=True):
        comparison.p_holm = float(p)
    return comparisons


@dataclass
class OverallScores:
    """The interquartile mean of an algo's and technique's normalised scores over all envs, stratified by env."""

    algo: str
    technique: str
    envs: int
    n: int
    score_auc: MeanInterval
    score_ood: MeanInterval
    score_retention: MeanInterval


def overall_scores(
    cells: Sequence[Cell], envs: Sequence[EvaluatedEnv], rng: np.random.Generator
) -> list[OverallScores]:
    """Return a row for each algo and technique that has normalised scores on two envs or more."""
    normalised = {env.name for env in envs if env.main == "score_auc"}
    together: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.env in normalised and usual(cell):
            together[cell.algo, cell.technique].append(cell)
    rows = []
    for (algo, technique), members in sorted(
        together.items(), key=lambda item: (item[0][0], order(item[0][1]))
    ):
        names = {cell.env for cell in members}
        if len(names) > 1:
            found = [_pooled(members, name, rng) for name in ("score_auc", "score_ood", "score_retention")]
            rows.append(OverallScores(algo, technique, len(names), sum(len(c.runs) for c in members), *found))
    return rows


def _pooled(members: list[Cell], name: str, rng: np.random.Generator) -> MeanInterval:
    """Pool one score; nothing where an env has no value of it at all: the rest would pass for all envs."""
    strata = [np.array([run.scores[name] for run in cell.runs]) for cell in members]
    strata = [s[~np.isnan(s)] for s in strata]
    known = all(len(s) for s in strata)
    return metrics.stratified_iqm(strata, rng, resamples(sum(map(len, strata)))) if known else NOTHING


def resamples(n: int) -> int:
    """Return how many resamples n values get: 2,000, down to 500 for hundreds, where the ends settle sooner."""
    return int(np.clip(400_000 / max(n, 1), 500, 2000))
