"""Does gradient agreement early in training (GAS) predict how the run generalises (GRS)?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsuite import metrics
from rlsuite.analysis.counted_runs import Run
from rlsuite.analysis.scores import Cell
from rlsuite.metrics.intervals import MeanInterval

PREDICTOR_LABELS = {
    "ratio": "GAS (across / within)",
    "pairwise": "pairwise cosine",
    "parameter_norm": "parameter norm (trivial)",
    "train": "return on the training level (trivial)",
}
OUTCOME_LABELS = {"ood": "mean return on unseen levels", "retention": "GRS (original)"}


@dataclass(frozen=True)
class StratumCorrelation:
    """Spearman's ``rho`` over the ``n`` runs of one env and algorithm."""

    env: str
    algo: str
    n: int
    rho: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho of a predictor and an outcome, combined over strata.

    Attributes:
        algo: whose strata; "" = all.
        each: the single strata.
        rho, low, high, p: with its interval; nan if no stratum has enough runs.
        n, strata: how many runs, in how many strata.
    """

    predictor: str
    outcome: str
    algo: str
    each: list[StratumCorrelation]
    rho: float
    low: float
    high: float
    p: float
    n: int
    strata: int

    @property
    def known(self) -> bool:
        """Whether there is a correlation at all."""
        return bool(np.isfinite(self.rho))

    @property
    def interval(self) -> MeanInterval:
        """Estimate, low, high."""
        return self.rho, self.low, self.high


def correlate_predictors(cells: Sequence[Cell], rng: np.random.Generator) -> list[Correlation]:
    """Correlate each predictor with each outcome, within env x algorithm and combined; never pooled.

    A stratum is an env and an algo; its runs differ in technique and seed. Within it ranks are all that counts, so
    returns need no normalisation. Runs of a seed share their start and their evaluation, so whole seeds are resampled.

    Returns:
        For each predictor and outcome a row of all algorithms, then, where there are several, one of each.
    """
    strata: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for cell in cells:
        strata[cell.env, cell.algo] += cell.runs
    rows: list[Correlation] = []
    for predictor in PREDICTOR_LABELS:
        for outcome in OUTCOME_LABELS:
            if predictor == "train" and outcome == "retention":
                continue  # retention is divided by it
            known = {key: s for key, runs in strata.items() if (s := _stratum(runs, predictor, outcome))}
            keys, members = list(known), list(known.values())
            algos = sorted({_base(key) for key in keys})
            names = ["", *algos] if len(algos) > 1 else algos or [""]
            groups = [[i for i, key in enumerate(keys) if name in ("", _base(key))] for name in names]
            # large studies have no need of many resamples
            reps = int(np.clip(1_000_000 / max(1, sum(len(s[0]) for s in members)), 200, 10_000))
            found = metrics.stratified_spearman(members, rng, reps, groups=groups)
            for name, group, row in zip(names, groups, found, strict=True):
                each = [
                    StratumCorrelation(*keys[i], len(members[i][0]), float(metrics.spearman(*members[i][:2])))
                    for i in group
                    if len(members[i][0]) > 3
                ]
                numbers: dict[str, Any] = {
                    key: float("nan") if value is None else value for key, value in row.items()
                }
                rows.append(Correlation(predictor, outcome, name, each, **numbers))
    return rows


def _stratum(
    runs: Sequence[Run], predictor: str, outcome: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    found = []
    for run in runs:
        x = run.scores["train"] if predictor == "train" else run.record["gas"].get(predictor)
        y = run.scores[outcome]
        # a trivial predictor is measured on the runs that have the real one
        if x is not None and run.record["gas"] and np.isfinite([x, y]).all():
            found.append((x, y, run.seed))
    if not found:
        return None
    x, y, seeds = np.array(found, dtype=float).T
    return x, y, seeds


def _base(key: tuple[str, str]) -> str:
    return key[1].split(" [")[0]
