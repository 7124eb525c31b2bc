"""Does gradient agreement early in training (GAS) predict how the run generalises (GRS)?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from rlsuite import metrics
from rlsuite.analysis.scores import Cell

PREDICTOR_LABELS = {
    "ratio": "GAS (across / within)",
    "pairwise": "pairwise cosine",
    "parameter_norm": "parameter norm (trivial)",
    "train": "return on the training level (trivial)",
}
OUTCOME_LABELS = {"ood": "mean return on unseen levels", "retention": "GRS (original)"}


def correlate_predictors(cells: Sequence[Cell], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Correlate each predictor with each outcome, within env x algorithm and combined; never pooled.

    A stratum is an env and an algo; its runs differ in technique and seed. Within it ranks are all that counts, so
    returns need no normalisation. Runs of a seed share their start and their evaluation, so whole seeds are resampled.

    Returns:
        Rows ``{predictor, outcome, algo ("" = all), rho, low, high, p, n, strata}``, and for each algo's row the
        single strata as ``each``: [{env, rho, n}].
    """
    strata: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for cell in cells:
        strata[cell.env, cell.algo] += cell.runs
    rows: list[dict[str, Any]] = []
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
                    {
                        "env": keys[i][0],
                        "algo": keys[i][1],
                        "n": len(members[i][0]),
                        "rho": float(metrics.spearman(*members[i][:2])),
                    }
                    for i in group
                    if len(members[i][0]) > 3
                ]
                rows.append({"predictor": predictor, "outcome": outcome, "algo": name, "each": each, **row})
    return rows


def _stratum(
    runs: Sequence[Any], predictor: str, outcome: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    found = []
    for run in runs:
        x = run.scores["train"] if predictor == "train" else run.record["gas"].get(predictor)
        y = run.scores[outcome]
        # a trivial predictor is judged on the runs that have the real one
        if x is not None and run.record["gas"] and np.isfinite([x, y]).all():
            found.append((x, y, run.seed))
    if not found:
        return None
    x, y, seeds = np.array(found, dtype=float).T
    return x, y, seeds


def _base(key: tuple[str, str]) -> str:
    return key[1].split(" [")[0]
