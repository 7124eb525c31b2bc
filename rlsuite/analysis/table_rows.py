"""The rows and heads of every table of the report, in words."""

from __future__ import annotations

from rlsuite.analysis.agreement_correlation import OUTCOME_LABELS, PREDICTOR_LABELS
from rlsuite.analysis.formatting import interval, plain, probability
from rlsuite.analysis.study import Study

Rows = list[list[str]]
GRS_HEADS = [
    "env",
    "algorithm",
    "technique",
    "n",
    "train return",
    "GRS (original)",
    "score",
    "AUC",
    "unseen AUC",
    "retention",
]


def grs_rows(study: Study) -> Rows:
    """Return a row a cell."""
    names = ("train", "retention", "score", "score_auc", "score_ood", "score_retention")
    return [
        [
            cell.env,
            cell.algo,
            cell.technique,
            str(len(cell.runs)),
            *(interval(cell.scores[name]) for name in names),
        ]
        for cell in study.cells
    ]


OVERALL_HEADS = ["algorithm", "technique", "envs", "n", "AUC", "unseen AUC", "retention"]


def overall_rows(study: Study) -> Rows:
    """Return a row an algorithm and technique, over all envs."""
    return [
        [
            o.algo,
            o.technique,
            str(o.envs),
            str(o.n),
            interval(o.score_auc),
            interval(o.score_ood),
            interval(o.score_retention),
        ]
        for o in study.overall
    ]


COMPARISON_HEADS = [
    "algorithm",
    "technique",
    "against",
    "on",
    "n pairs",
    "metric",
    "difference",
    "p",
    "p (Holm)",
    "P(improvement)",
]


def comparison_rows(study: Study) -> Rows:
    """Return a row a comparison."""
    return [
        [
            c.algo,
            c.technique,
            c.control,
            c.env or f"all {c.envs} envs",
            str(c.n),
            c.metric,
            interval(c.difference),
            probability(c.p),
            probability(c.p_holm),
            interval(c.better),
        ]
        for c in study.comparisons
    ]


PREDICTION_HEADS = ["predictor", "outcome", "algorithm", "strata", "n", "rho", "p"]


def prediction_rows(study: Study) -> Rows:
    """Return a row a predictor, outcome and algorithm."""
    rows = []
    for row in study.predictions:
        if row.known:
            rho = interval(row.interval, 2)
            rows.append(
                [
                    PREDICTOR_LABELS[row.predictor],
                    OUTCOME_LABELS[row.outcome],
                    row.algo or "all",
                    str(row.strata),
                    str(row.n),
                    rho,
                    probability(row.p),
                ]
            )
    return rows


BEST_HEADS = ["env", "algorithm", "technique", "seed", "train return", "unseen return", "folder"]


def best_rows(study: Study) -> Rows:
    """Return the best run of each env and algorithm."""
    return [
        [r.env, r.algo, r.technique, str(r.seed), plain(r.scores["train"]), plain(r.scores["ood"]), r.folder]
        for r in study.best()
    ]


COMPUTE_HEADS = [
    "env",
    "algorithm",
    "runs",
    "env steps",
    "wall hours",
    "steps/s (median)",
    "restarts",
    "devices",
]


def compute_rows(study: Study) -> Rows:
    """Return what was spent, with a sum."""
    rows = study.compute()
    total = [
        [
            "all",
            "",
            str(sum(r["runs"] for r in rows)),
            f"{sum(r['steps'] for r in rows):,}",
            f"{sum(r['hours'] for r in rows):.2f}",
            "",
            str(sum(r["restarts"] for r in rows)),
            "",
        ]
    ]
    return [
        [
            str(r["env"]),
            str(r["algo"]),
            str(r["runs"]),
            f"{r['steps']:,}",
            f"{r['hours']:.2f}",
            f"{r['steps_per_s']:,.0f}",
            str(r["restarts"]),
            ", ".join(r["devices"]),
        ]
        for r in rows
    ] + total


def failure_rows(study: Study) -> Rows:
    """Return a row a class of error, with one example."""
    return [
        [kind, str(len(runs)), (runs[0].record.get("error") or "")[:160], runs[0].folder]
        for kind, runs in study.failures()
    ]
