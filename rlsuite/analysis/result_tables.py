"""results.csv and results.parquet (a row a run and level), runs.csv and runs.parquet (a row a run)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from rlsuite.analysis.counted_runs import Run
from rlsuite.analysis.records import MODES, Record
from rlsuite.analysis.scores import SCORE_NAMES

Columns = dict[str, list[Any]]

NAMES = (
    "run_id",
    "status",
    "env",
    "algo",
    "technique",
    "applied",
    "reward",
    "experiment",
    "hardware",
    "seed",
)
FACTS = (
    "steps",
    "total_steps",
    "wall_time_s",
    "steps_per_s",
    "restarts",
    "exact",
    "device",
    "git_commit",
    "parameter_hash",
    "error",
)
PLACE = ("level", "source", "floor", "reference")
USUAL = ("n", "return", "return_std", "length", "success")


def write_tables(runs: Sequence[Run], out: Path) -> None:
    """Write both tables in both forms; a run without any level keeps one row, so that none is missing."""
    write_table(levels_table(runs), out / "results")
    write_table(runs_table(runs), out / "runs")


def levels_table(runs: Sequence[Run]) -> pa.Table:
    """Return a row a run and level; what a mode measured is a column ``<mode>_<what>``, the mean over episodes."""
    rows = [(run, row) for run in runs for row in (run.record.get("levels") or [{}])]
    columns = _named([run for run, _ in rows])
    for name in PLACE:
        columns[name] = [row.get(name) for _, row in rows]
    empty: Record = {}
    for mode in MODES:
        played = [row.get(mode, empty) for _, row in rows]
        found = {key for one in played for key in one}
        for key in [*USUAL, *sorted(found.difference(USUAL))]:
            columns[f"{mode}_{key}"] = [one.get(key) for one in played]
    return _table(columns)


def runs_table(runs: Sequence[Run]) -> pa.Table:
    """Return a row a run: its facts, the names it has in the tables, why it does not count, scores, early GAS."""
    columns = _named(runs)
    for name in FACTS:
        columns[name] = [run.record.get(name) for run in runs]
    columns |= {"env_label": [r.env for r in runs], "algo_label": [r.algo for r in runs]}
    columns |= {"technique_label": [r.technique for r in runs], "left_out": [r.left_out for r in runs]}
    columns |= {f"grs_{name}": [run.scores.get(name) for run in runs] for name in SCORE_NAMES}
    gas = [run.record.get("gas", {}) for run in runs]
    columns |= {
        f"gas_{key}": [one.get(key) for one in gas] for key in sorted({k for one in gas for k in one})
    }
    return _table(columns)


def _named(runs: Iterable[Run]) -> Columns:
    runs = list(runs)
    columns: Columns = {"folder": [run.folder for run in runs]}
    for name in NAMES:
        columns["technique_applied" if name == "applied" else name] = [run.record.get(name) for run in runs]
    return columns


def _table(columns: Columns) -> pa.Table:
    arrays = {name: pa.array(values, from_pandas=True) for name, values in columns.items()}
    # a column without any value has no type of its own, which parquet readers dislike
    return pa.table({n: a.cast(pa.float64()) if pa.types.is_null(a.type) else a for n, a in arrays.items()})


def write_table(table: pa.Table, stem: Path) -> None:
    """Write ``stem.csv`` and ``stem.parquet``, each renamed into place when whole."""
    for suffix, save in ((".csv", csv.write_csv), (".parquet", parquet.write_table)):
        path = stem.with_suffix(suffix)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        save(table, temporary)
        temporary.replace(path)
