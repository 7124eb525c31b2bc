"""history.csv of a run: a row for whatever was logged at a step, a column for each name it was logged under."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def read_history(path: Path, columns: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Return the columns (rows,) of a history.csv; nan where nothing was logged.

    A last row that is cut short, as a run leaves it that was killed while writing, counts as far as it goes.

    Args:
        path: the file; if there is none, there are no columns.
        columns: which to read besides ``step``, those that are missing left out; all by default.

    Raises:
        ValueError: If the file has no column ``step``, or a value is no number.
    """
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        if "step" not in names:
            raise ValueError(f"{path.name} has no column step")
        wanted = names if columns is None else [n for n in names if n == "step" or n in set(columns)]
        places = [names.index(name) for name in wanted]
        rows = [[row[i] if i < len(row) and row[i] else "nan" for i in places] for row in lines]
    values = np.array(rows, dtype=float).reshape(-1, len(wanted))
    return dict(zip(wanted, values.T, strict=True))
