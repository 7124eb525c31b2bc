"""experiment_summary.txt, and the two sentences of it that the command line repeats."""

from __future__ import annotations

from collections.abc import Sequence

from rlsuite.analysis.formatting import interval, probability
from rlsuite.analysis.study import Study
from rlsuite.analysis.table_rows import (
    BEST_HEADS,
    COMPARISON_HEADS,
    COMPUTE_HEADS,
    GRS_HEADS,
    OVERALL_HEADS,
    PREDICTION_HEADS,
    Rows,
    best_rows,
    comparison_rows,
    compute_rows,
    failure_rows,
    grs_rows,
    overall_rows,
    prediction_rows,
)


def answer(study: Study) -> str:
    """Answer in a sentence whether early agreement (GAS) predicts generalisation."""
    rows = [r for r in study.predictions if r.predictor == "ratio" and r.outcome == "ood" and r.known]
    if not rows:
        return "No answer: fewer than 4 runs of any env x algorithm have GAS (agreement.every > 0) and levels above .5."
    row = rows[0]
    verdict = (
        "no relation was found"
        if row.p >= 0.05
        else "more agreement goes with " + ("better" if row.rho > 0 else "worse") + " generalisation"
    )
    text = (
        f"Within env x algorithm, {verdict}: rho = {interval(row.interval, 2)}, "
        f"permutation p {'' if row.p < 0.001 else '= '}{probability(row.p)}, n = {row.n} runs in {row.strata} strata."
    )
    rival = [
        r
        for r in study.predictions
        if r.predictor == "train" and r.outcome == "ood" and r.algo in ("", row.algo) and r.known
    ]
    return text + (
        f" The trivial predictor, the return on the training level, has rho = {rival[0].rho:.2f}."
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


def experiment_summary(study: Study) -> str:
    """Return experiment_summary.txt."""
    parts = [
        f"{study.command}\n\n{headline(study)}",
        "Does gradient agreement predict generalisation?\n\n" + answer(study),
        "Generalisation, interquartile mean over seeds with 95 % stratified bootstrap interval"
        f" ({study.mode} policy)\n\n" + align(GRS_HEADS, grs_rows(study)),
        *(
            "Where scores come from\n\n"
            + "\n".join(
                f"{t.name}: levels {', '.join(f'{v:g}' for v in t.levels)}; {t.source}" for t in study.envs
            )
            for _ in study.envs[:1]
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
    text = f"{len(study.runs)} runs, {counted} counted in {len(study.cells)} cells of {len(study.envs)} envs"
    kinds = [f"{len(runs)} {kind}" for kind, runs in study.left_out().items()]
    text += f"; left out: {', '.join(kinds)}" if kinds else ""
    return text + (f"; {len(study.problems)} files not used" if study.problems else "")
