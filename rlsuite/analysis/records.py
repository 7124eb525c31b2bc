"""From a folder of a run to one small record of plain values, and a list of what could not be read.

Nothing is dropped silently: a file that is corrupt, cut short, not ours or of a newer schema becomes a ``Problem``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsuite.analysis.curves import read_curve
from rlsuite.core.errors import UserError
from rlsuite.core.names import UNDECIDING
from rlsuite.runs.result import SCHEMA_VERSION, Result

MODES = ("greedy", "sampled")
Record = dict[str, Any]
Parts = dict[str, Any]
"""Groups of configs by their digest, which the records name."""

Stamp = tuple[int, int]
"""When a file was last written (ns) and its size: while both stay, so does what was read from it."""


@dataclass(frozen=True)
class Problem:
    """A file that was not used, or not wholly, and why."""

    path: str
    reason: str


@dataclass
class Folder:
    """A run's folder and the files of it that the analysis reads, with their stamps."""

    path: Path
    stamps: dict[str, Stamp] = field(default_factory=dict)


READ = ("result.json", "status.json", "error.txt", "history.csv")
_INNER = frozenset({"checkpoint", "pictures", "evaluations", "tb", "__pycache__"})


def find_runs(root: Path, problems: list[Problem], apart: Path | None = None) -> Iterator[Folder]:
    """Yield every run's folder under ``root``, in the order of names: by its result.json, status.json or config.yaml.

    ``apart`` is not looked into: what an analysis wrote there are no runs.
    """
    waiting = [os.fspath(root)]
    while waiting:
        here = waiting.pop()
        if apart is not None and here == os.fspath(apart):
            continue
        try:
            entries = sorted(os.scandir(here), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            problems.append(Problem(here, f"cannot be listed: {error.strerror}"))
            continue
        inner = [e for e in entries if e.is_dir(follow_symlinks=False)]
        links = [
            e.path for e in entries if e.is_symlink() and e.is_dir()
        ]  # following them could go in circles
        problems += [Problem(path, "a link to a folder is not followed: name it by root=") for path in links]
        waiting += [entry.path for entry in inner if entry.name not in _INNER and entry.name[0] != "."]
        stamps = {e.name: _stamp(e) for e in entries if e.name in READ and e.is_file()}
        if (
            "result.json" in stamps
            or "status.json" in stamps
            or any(e.name == "config.yaml" for e in entries)
        ):
            wanted = {"evaluations"} | (set() if "history.csv" in stamps else {"tb"})
            for entry in inner:
                if entry.name in wanted:
                    files = [
                        f for f in os.scandir(entry.path) if f.name.endswith(".json") or "tfevents" in f.name
                    ]
                    stamps |= {f"{entry.name}/{f.name}": _stamp(f) for f in files}
            yield Folder(Path(here), stamps)


def _stamp(entry: os.DirEntry) -> Stamp:
    status = entry.stat()
    return status.st_mtime_ns, status.st_size


def read_run(folder: Folder, parts: Parts) -> tuple[Record | None, list[Problem]]:
    """Read one run.

    Args:
        folder: from ``find_runs``.
        parts: is filled with the groups of the run's config by their digest, which the record names.

    Returns:
        The record, None if there is no readable result; and the problems met.
    """
    problems: list[Problem] = []
    if "result.json" not in folder.stamps:
        return _unfinished(folder), problems
    path = folder.path / "result.json"
    try:
        result = Result.read(path)
        record = _record(result, parts)
    except UserError as error:
        reason = str(error.__cause__ or error)
        return None, [Problem(str(path), f"no result file of rlsuite: {reason}")]
    except Exception as error:  # whatever a foreign file holds, the report continues
        return None, [Problem(str(path), f"not the form of a result: {type(error).__name__}: {error}")]
    record["error"] = error_class(folder.path / "error.txt") if "error.txt" in folder.stamps else None
    for name in sorted(name for name in folder.stamps if name.startswith("evaluations/")):
        try:
            record["levels"] += read_evaluation(folder.path / name, result.run_id)
        except Exception as error:
            problems.append(Problem(str(folder.path / name), f"no evaluation of this run: {error}"))
    try:
        record["curve"] = read_curve(folder.path, record["total_steps"])
    except Exception as error:
        problems.append(Problem(str(folder.path), f"learning curve left out: {error}"))
    return record, problems


def _record(result: Result, parts: Parts) -> Record:
    config, choices = result.config, result.choices
    training = {k: v for k, v in config.items() if k not in UNDECIDING | {"agreement", "evaluation", "seed"}}
    training["patience"] = config.get("evaluation", {}).get("patience", 0)
    groups = {name: training.pop(name, None) for name in ("env", "reward", "technique")}
    early = (result.gas or {}).get("early") or {}
    return {
        "run_id": str(result.run_id),
        "status": str(result.status),
        **{key: choices.get(key) for key in ("env", "algo", "technique", "reward", "hardware", "experiment")},
        "applied": "+".join(result.technique_applied) or choices.get("technique"),
        "seed": int(result.seed),
        "steps": int(result.steps),
        "total_steps": int(config.get("total_steps", result.steps)),
        "n_envs": (config.get("algo") or {}).get("n_envs"),
        "wall_time_s": float(result.wall_time_s),
        "steps_per_s": float(result.steps_per_s),
        "restarts": int(result.restarts),
        "exact": bool(result.exact),
        "device": str(result.device),
        "git_commit": result.git_commit,
        "parameter_hash": result.parameter_hash,
        "settings": {name: _digest(group, parts) for name, group in [*groups.items(), ("algo", training)]},
        "levels": [row for entry in result.levels for row in [_level(entry, "result")]],
        "gas": {k: float(v) for k, v in early.items() if isinstance(v, int | float)},
        "curve": None,
    }


def _digest(group: object, parts: Parts) -> str:
    text = json.dumps(group, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    parts.setdefault(digest, group)
    return digest


def _level(entry: Mapping[str, Any], source: str) -> Record:
    """Return a level's means: ``{level, source, floor, reference, greedy: {n, return, return_std, ...}, sampled}``."""
    row = {
        "level": float(entry["level"]),
        "source": source,
        "floor": entry.get("floor"),
        "reference": entry.get("reference"),
    }
    for mode in MODES:
        if mode in entry:
            row[mode] = _means(entry[mode])
    return row


_NAMES = {"returns": "return", "lengths": "length"}


def _means(played: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    returns = played["returns"]
    n = len(returns)
    found: dict[str, float | None] = {"n": n}
    if n == 0:
        raise ValueError("a level without episodes")
    for key, values in played.items():
        # a missing value is null in the file: what is left of the others is still their mean
        known = values if None not in values else [v for v in values if v is not None]
        found[_NAMES.get(key, key)] = math.fsum(known) / len(known) if known else None
    if None not in returns and n > 1:
        mean = math.fsum(returns) / n
        found["return_std"] = math.sqrt(math.fsum((v - mean) ** 2 for v in returns) / (n - 1))
    return found


def read_evaluation(path: Path, run_id: str) -> list[Record]:
    """Read what ``rlsuite.evaluate`` wrote beside a run, in either of its forms.

    ``{"run_id", "levels": [as in result.json]}``, or a comparison, ``{"played": {level: {"learned": episodes}}}``.

    Raises:
        ValueError: If it is of another run, of a newer schema, or neither.
    """
    data = json.loads(path.read_text())
    if not isinstance(data, dict) or not {"levels", "played"} & set(data):
        raise ValueError("it has neither levels nor played")
    if data.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
        raise ValueError(f"schema {data['schema_version']} is newer than {SCHEMA_VERSION}")
    if data.get("run_id", run_id) != run_id:
        raise ValueError(f"it is of run {data['run_id']}")
    source = f"evaluations/{path.name}"
    if "levels" in data:
        return [_level(entry, source) for entry in data["levels"]]
    played = data["played"].items()
    return [
        _level({"level": level, "greedy": by["learned"]}, source) for level, by in played if "learned" in by
    ]


def error_class(path: Path) -> str:
    """Return the last line of a traceback that names an error, without its place: ``OSError: No space left``."""
    try:
        lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return f"(error.txt: {error.strerror})"
    named = [line for line in lines if not line[0].isspace()]
    return (named or lines or ["(error.txt is empty)"])[-1][:300]


def _unfinished(folder: Folder) -> Record:
    """Return what the heartbeat of a run without a result says."""
    if "status.json" not in folder.stamps:
        return {
            "run_id": folder.path.name,
            "status": "unfinished",
            "error": "not started: only config.yaml is there",
        }
    try:
        status = json.loads((folder.path / "status.json").read_text())
        said = f"{status['state']}, no result: last heartbeat at step {status['step']:,} of {status['total_steps']:,}"
    except Exception as error:
        said = f"no result, and status.json cannot be read: {error}"
    return {"run_id": folder.path.name, "status": "unfinished", "error": said}
