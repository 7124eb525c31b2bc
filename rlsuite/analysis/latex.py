"""The tables as LaTeX, a file a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlsuite.analysis import table_rows
from rlsuite.analysis.study import Study
from rlsuite.analysis.table_rows import Rows


def write_latex(study: Study, folder: Path) -> None:
    """Write one file a table."""
    for name, caption, heads, body, left in (
        (
            "grs",
            "Generalisation, interquartile mean over seeds with 95 % bootstrap interval",
            table_rows.GRS_HEADS,
            table_rows.grs_rows(study),
            3,
        ),
        (
            "overall",
            "Over all envs, stratified bootstrap",
            table_rows.OVERALL_HEADS,
            table_rows.overall_rows(study),
            2,
        ),
        (
            "comparisons",
            "Techniques against their controls, paired by seed",
            table_rows.COMPARISON_HEADS,
            table_rows.comparison_rows(study),
            4,
        ),
        (
            "predictors",
            "Predictors of generalisation, Spearman within env and algorithm",
            table_rows.PREDICTION_HEADS,
            table_rows.prediction_rows(study),
            3,
        ),
    ):
        (folder / f"{name}.tex").write_text(latex_table(caption, name, heads, body, left))


def latex_table(caption: str, label: str, heads: Sequence[str], rows: Rows, text_columns: int) -> str:
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
