"""Write everything an analysis leaves: tables, texts, LaTeX, figures, report."""

from __future__ import annotations

from pathlib import Path

from rlsuite.analysis import report, result_tables, summary
from rlsuite.analysis.latex import write_latex
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
        result_tables.write_tables(study.runs, out)
        write_latex(study, out / "latex")
        drawn = report.draw_figures(study)
        for figure in (figure for some in drawn.values() for figure in some):
            (out / "figures" / f"{figure.key}.svg").write_text(sheet(figure.panels, figure.legend))
    except OSError as error:
        raise cannot_write(out, error, setting="out") from error
    write_text(out / "experiment_summary.txt", summary.experiment_summary(study), setting="out")
    write_text(out / "report.html", report.html(study, drawn), setting="out")
