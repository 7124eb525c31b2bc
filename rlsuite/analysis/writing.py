"""Write everything an analysis leaves: tables, texts, LaTeX, figures, report."""

from __future__ import annotations

from pathlib import Path

from rlsuite.analysis import report, tables, texts
from rlsuite.analysis.study import Study
from rlsuite.analysis.svg import sheet
from rlsuite.core.io import cannot_write, write_text


def write_all(study: Study, out: Path) -> None:
    """Write into ``out``; the report last, so that it is there only if all else is.

    Raises:
        UserError: If ``out`` cannot be written to.
    """
    try:
        for folder in ("figures", "latex"):
            (out / folder).mkdir(parents=True, exist_ok=True)
        tables.write_tables(study.runs, out)
        write_latex(study, out / "latex")
        drawn = report.draw(study)
        for figure in (figure for some in drawn.values() for figure in some):
            (out / "figures" / f"{figure.key}.svg").write_text(sheet(figure.panels, figure.legend))
    except OSError as error:
        raise cannot_write(out, error, setting="out") from error
    write_text(out / "experiment_summary.txt", texts.summary(study), setting="out")
    write_text(out / "report.html", report.html(study, drawn), setting="out")


def write_latex(study: Study, folder: Path) -> None:
    """Write one file a table."""
    for name, caption, heads, rows, left in (
        (
            "grs",
            "Generalisation, interquartile mean over seeds with 95 % bootstrap interval",
            texts.GRS_HEADS,
            texts.grs_rows(study),
            3,
        ),
        ("overall", "Over all envs, stratified bootstrap", texts.OVERALL_HEADS, texts.overall_rows(study), 2),
        (
            "comparisons",
            "Techniques against their controls, paired by seed",
            texts.COMPARISON_HEADS,
            texts.comparison_rows(study),
            4,
        ),
        (
            "predictors",
            "Predictors of generalisation, Spearman within env and algorithm",
            texts.PREDICTION_HEADS,
            texts.prediction_rows(study),
            3,
        ),
    ):
        (folder / f"{name}.tex").write_text(texts.latex(caption, name, heads, rows, left))
