"""Runs on Sprites, each kept as soon as it is done, so that a benchmark can be made in pieces and gone on with."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import trainings
from benchmarks.record import RESULTS, command, origin
from rlsuite.analysis.curves import read_curve
from rlsuite.core.io import write_text
from rlsuite.metrics import mean_intervals
from rlsuite.runs.result import Result

ALWAYS = ["env=sprites", "env.shift=distractors", "best_models=null", "evaluation.levels=[0,0.5,1]"]
Row = dict[str, Any]


def train(key: Mapping[str, Any], overrides: Iterable[str], folder: Path) -> Row:
    """Make one run in a process of its own, or resume it in ``folder``; return ``key`` with what came out.

    ``cpu_s`` is what this process took: after a resume less than the run cost.
    """
    cpu_s = trainings.train([*ALWAYS, *overrides], folder)
    return {**key, **outcome(folder), "cpu_s": cpu_s}


def outcome(folder: Path) -> Row:
    """Return what a finished run says: greedy and sampled return, the greedy one at each level, GRS, learning curve."""
    result = Result.read(folder / "result.json")
    means = {
        mode: {f"{e['level']:g}": round(float(np.mean(e[mode]["returns"])), 3) for e in result.levels}
        for mode in ("greedy", "sampled")
    }
    curve = read_curve(folder, result.config["total_steps"]) or []
    watched = diagnostics(folder / "history.csv")
    return {
        "steps": result.steps,
        "greedy": means["greedy"]["0"],
        "sampled": means["sampled"]["0"],
        "greedy_by_level": means["greedy"],
        "grs": {name: value and round(value, 4) for name, value in result.grs["greedy"].items()},
        "curve": [value and round(value, 2) for value in curve],
        **({"diagnostics": watched} if watched else {}),
    }


def diagnostics(history: Path) -> dict[str, float]:
    """Return the mean over a run of everything logged under ``diagnostics/``."""
    with history.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in (rows[0] if rows else ()) if name.startswith("diagnostics/")]
    found = {name: [float(row[name]) for row in rows if row[name]] for name in columns}
    return {name.removeprefix("diagnostics/"): round(float(np.mean(v)), 4) for name, v in found.items() if v}


class Table:
    """The rows of ``results/<name>.json``; a row is known by its ``keys`` and written the moment it is made."""

    def __init__(self, name: str, keys: Iterable[str]) -> None:
        self.path, self.keys = RESULTS / f"{name}.json", tuple(keys)

    def rows(self) -> list[Row]:
        """Return what is there by now, also of others who fill the same table."""
        return json.loads(self.path.read_text())["rows"] if self.path.exists() else []

    def __contains__(self, key: Mapping[str, Any]) -> bool:
        return any(all(row[k] == key[k] for k in self.keys) for row in self.rows())

    def add(self, row: Row, **said: Any) -> None:
        """Write ``row`` among the others, in the order of their keys."""
        rows = [r for r in self.rows() if any(r[k] != row[k] for k in self.keys)] + [row]
        rows.sort(key=lambda r: [str(r[k]) for k in self.keys])
        self.write(rows, **said)

    def write(self, rows: list[Row], **said: Any) -> None:
        """Write all rows, under the command, the machine and what is ``said`` of them."""
        said = {**origin(), "command": command(), **said}
        lines = ",\n  ".join(json.dumps(row) for row in rows)  # a row a line
        self.path.parent.mkdir(exist_ok=True)
        write_text(self.path, f'{json.dumps(said, indent=1)[:-2]},\n "rows": [\n  {lines}\n ]\n}}\n')


def fill(
    table: Table, wanted: Iterable[tuple[Row, list[str]]], folder: Path, jobs: int, summary: Any
) -> Iterator[Row]:
    """Make the runs that ``table`` lacks, ``jobs`` at a time; yield each row when it is in the table."""
    missing = [(key, overrides) for key, overrides in wanted if key not in table]
    with ThreadPoolExecutor(jobs) as pool:
        for row in pool.map(
            lambda item: train(*item, folder / "-".join(map(str, item[0].values()))), missing
        ):
            table.add(row)
            table.write(table.rows(), **summary(table.rows()))
            yield row


def interval(values: Iterable[float]) -> list[float] | None:
    """Return mean and 95 % bootstrap interval over seeds; None of nothing, and of one value only itself."""
    found = np.array(list(values), dtype=float)
    if len(found) < 2:
        return [round(float(v), 3) for v in found] or None
    return [round(float(v), 3) for v in mean_intervals(found[:, None], np.random.default_rng(0))[:, 0]]
