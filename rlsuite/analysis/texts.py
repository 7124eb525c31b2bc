"""The tables as plain text (experiment_summary.txt) and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from rlsuite.analysis.predicting import OUTCOMES, PREDICTORS
from rlsuite.analysis.study import Study, interval, plain, probability

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
            cell.task,
            cell.learner,
            cell.method,
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
            o.learner,
            o.method,
            str(o.tasks),
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
            c.learner,
            c.method,
            c.control,
            c.task or f"all {c.tasks} envs",
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
        if row["rho"] is not None:
            rho = interval((row["rho"], row["low"], row["high"]), 2)
            rows.append(
                [
                    PREDICTORS[row["predictor"]],
                    OUTCOMES[row["outcome"]],
                    row["learner"] or "all",
                    str(row["strata"]),
                    str(row["n"]),
                    rho,
                    probability(row["p"]),
                ]
            )
    return rows


BEST_HEADS = ["env", "algorithm", "technique", "seed", "train return", "unseen return", "folder"]


def best_rows(study: Study) -> Rows:
    """Return the best run of each env and algorithm."""
    return [
        [r.task, r.learner, r.method, str(r.seed), plain(r.scores["train"]), plain(r.scores["ood"]), r.folder]
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


def answer(study: Study) -> str:
    """Answer in a sentence whether early agreement (GAS) predicts generalisation."""
    rows = [
        r
        for r in study.predictions
        if r["predictor"] == "ratio" and r["outcome"] == "ood" and r["rho"] is not None
    ]
    if not rows:
        return "No answer: fewer than 4 runs of any env x algorithm have GAS (agreement.every > 0) and levels above .5."
    row = rows[0]
    verdict = (
        "no relation was found"
        if row["p"] >= 0.05
        else "more agreement goes with " + ("better" if row["rho"] > 0 else "worse") + " generalisation"
    )
    text = (
        f"Within env x algorithm, {verdict}: rho = {interval((row['rho'], row['low'], row['high']), 2)}, "
        f"permutation p {'' if row['p'] < 0.001 else '= '}{probability(row['p'])}, n = {row['n']} runs in {row['strata']} strata."
    )
    rival = [
        r
        for r in study.predictions
        if r["predictor"] == "train"
        and r["outcome"] == "ood"
        and r["learner"] in ("", row["learner"])
        and r["rho"] is not None
    ]
    return text + (
        f" The trivial predictor, the return on the training level, has rho = {rival[0]['rho']:.2f}."
        if rival
        else ""
    )


def align(heads: Sequence[str], rows: Rows) -> str:
    """Return a table as text, columns padded."""
    widths = [max(len(row[k]) for row in [list(heads), *rows]) for k in range(len(heads))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [list(heads), *rows]
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def summary(study: Study) -> str:
    """Return experiment_summary.txt."""
    parts = [
        f"{study.command}\n\n{headline(study)}",
        "Does gradient agreement predict generalisation?\n\n" + answer(study),
        "Generalisation, interquartile mean over seeds with 95 % stratified bootstrap interval"
        f" ({study.mode} policy)\n\n" + align(GRS_HEADS, grs_rows(study)),
        *(
            "Where scores come from\n\n"
            + "\n".join(
                f"{t.name}: levels {', '.join(f'{v:g}' for v in t.levels)}; {t.source}" for t in study.tasks
            )
            for _ in study.tasks[:1]
        ),
    ]
    for title, heads, rows in (
        ("Over all envs", OVERALL_HEADS, overall_rows(study)),
        ("Techniques against their controls, paired by seed", COMPARISON_HEADS, comparison_rows(study)),
        (
            "Predictors of generalisation, Spearman within env x algorithm",
            PREDICTION_HEADS,
            prediction_rows(study),
        ),
        ("Best models", BEST_HEADS, best_rows(study)),
        ("Failures", ["class", "runs", "example", "folder"], failure_rows(study)),
        ("Compute", COMPUTE_HEADS, compute_rows(study)),
    ):
        if rows:
            parts.append(f"{title}\n\n{align(heads, rows)}")
    left = [f"{run.folder}: {run.left_out}" for run in study.runs if run.left_out]
    parts += ["Runs that do not count\n\n" + "\n".join(left)] if left else []
    parts += (
        ["Files that were not used\n\n" + "\n".join(f"{p.path}: {p.reason}" for p in study.problems)]
        if study.problems
        else []
    )
    return "\n\n\n".join(parts) + "\n"


def headline(study: Study) -> str:
    """Return how much there is, in a line."""
    counted = len(study.counted)
    text = f"{len(study.runs)} runs, {counted} counted in {len(study.cells)} cells of {len(study.tasks)} envs"
    kinds = [f"{len(runs)} {kind}" for kind, runs in study.left_out().items()]
    text += f"; left out: {', '.join(kinds)}" if kinds else ""
    return text + (f"; {len(study.problems)} files not used" if study.problems else "")


def latex(caption: str, label: str, heads: Sequence[str], rows: Rows, text_columns: int) -> str:
    """Return a LaTeX table that needs no package; the first ``text_columns`` columns are left-aligned."""
    spec = "l" * text_columns + "r" * (len(heads) - text_columns)
    body = [" & ".join(map(tex, row)) + r" \\" for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{tex(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{spec}}}",
            r"\hline",
            " & ".join(map(tex, heads)) + r" \\",
            r"\hline",
            *body,
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


_TEX = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
}


def tex(text: str) -> str:
    """Return ``text`` with what LaTeX would take for a command escaped."""
    return "".join(_TEX.get(c, c) for c in text)
