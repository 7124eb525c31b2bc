"""What was read before, so that a second analysis reads only what changed: one JSON file, no pickle.

An entry counts while path, time of change and size of every file it came from are the same, and so is the code that
read them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from rlsuite import metrics
from rlsuite.analysis.records import Parts, Problem, Record, find_runs, read_run
from rlsuite.core import names
from rlsuite.core.io import write_text
from rlsuite.runs import history, result


@cache
def code_version() -> str:
    """Return a digest of the code that decides what is written."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(str(metrics.__file__)).parent):
        for path in sorted(p for p in folder.iterdir() if p.suffix in (".py", ".css", ".js")):
            digest.update(path.read_bytes())
    for module in (result, history, names):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


class Store:
    """The records of all runs under some roots, kept in ``path`` from one analysis to the next.

    Attributes:
        records: by folder, in the order of names.
        problems: files that were not used, and why.
        parts: the groups of the runs' configs by digest.
        reused: how many folders were not read again.
        changed: whether anything differs from the last time, ``options`` included.
    """

    def __init__(self, path: Path, options: str = "") -> None:
        self.path, self.options = path, options
        self.records: dict[str, Record] = {}
        self.problems: list[Problem] = []
        self.parts: Parts = {}
        self.reused = 0
        self.changed = True

    def update(self, roots: list[Path], apart: Path | None = None) -> None:
        """Read what is new or changed under ``roots``, take the rest from the file; ``apart`` holds no runs."""
        old = self._load()
        self.parts, kept = old["parts"], {}
        listed: list[Problem] = []
        folders = {str(f.path): f for root in roots for f in find_runs(root, listed, apart)}
        for name, folder in folders.items():
            stamps = {file: list(stamp) for file, stamp in sorted(folder.stamps.items())}
            entry = old["folders"].get(name)
            if entry and entry["stamps"] == stamps:
                self.reused += 1
            else:
                record, problems = read_run(folder, self.parts)
                entry = {"stamps": stamps, "record": record, "problems": [asdict(p) for p in problems]}
            kept[name] = entry
            if entry["record"]:
                self.records[name] = entry["record"]
            self.problems += [Problem(**problem) for problem in entry["problems"]]
        self.problems += listed
        self.changed = (
            self.reused < len(kept) or list(kept) != list(old["folders"]) or self.options != old["options"]
        )
        self._folders = kept

    def save(self) -> None:
        """Remember everything for the next time; only once what was made of it is written."""
        used = {digest for record in self.records.values() for digest in record.get("settings", {}).values()}
        parts = {digest: self.parts[digest] for digest in sorted(used)}
        data = {"version": code_version(), "options": self.options, "parts": parts, "folders": self._folders}
        write_text(self.path, json.dumps(data, separators=(",", ":")), setting="out")

    def _load(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"options": None, "parts": {}, "folders": {}}
        try:
            data = json.loads(self.path.read_text())
            return data if data["version"] == code_version() else empty
        except (OSError, ValueError, KeyError, TypeError):
            return empty  # the first time, or the cache of another version: all is read again
