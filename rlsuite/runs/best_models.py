"""The best model of each algorithm on each env, in one folder, with ``best_scores.json`` saying where each comes from.

The score is the greedy policy's mean return on level 0 at the run's end, as in ``result.json``. A model is replaced by a
strictly better one only, so of equals the earlier stays; a run that diverged or failed, or was not evaluated on level 0, enters
nothing. Returns are compared only within one task, the same settings of ``env`` and ``reward``: the first task of a pair has
the plain name ``<env>_<algo>``, any other adds a hash of its own.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlsuite.config.run_id import digest, without_modules
from rlsuite.core.io import write_json
from rlsuite.runs.result import Result, mean_return

SCORES_FILE = "best_scores.json"
Entry = dict[str, Any]
"""What ``best_scores.json`` says of one model."""


def enter(result: Result, run: Path, place: Path) -> bool:
    """Make the run's ``model.zip`` the best of its pair in ``place`` if it is; safe among concurrent runs.

    Returns:
        Whether it is.
    """
    score = level_0_score(result)
    if score is None or result.status in ("diverged", "failed"):
        return False
    with _locked(place):
        scores = read_scores(place)
        name = _name(result, scores)
        if name in scores and scores[name]["score"] >= score:
            return False
        _replace(run / "model.zip", place / f"{name}.zip")
        scores[name] = _entry(result, score, run)
        write_json(place / SCORES_FILE, dict(sorted(scores.items())))
    return True


def level_0_score(result: Result) -> float | None:
    """Return the greedy mean return on level 0; None if it is not there or not finite."""
    for entry in result.levels:
        if entry["level"] == 0:
            score = mean_return(entry)
            return score if math.isfinite(score) else None
    return None


def read_scores(place: Path) -> dict[str, Entry]:
    """Return what ``best_scores.json`` holds; empty if it is not there yet."""
    path = place / SCORES_FILE
    return json.loads(path.read_text()) if path.exists() else {}


def _entry(result: Result, score: float, run: Path) -> Entry:
    episodes = next(len(entry["greedy"]["returns"]) for entry in result.levels if entry["level"] == 0)
    return {
        **{key: result.choices[key] for key in ("env", "algo", "technique", "reward")},
        "technique_applied": result.technique_applied,
        "seed": result.seed,
        "score": score,
        "episodes": episodes,
        "steps": result.steps,
        "run": str(run),
        "parameter_hash": result.parameter_hash,
        "task": _task(result.config),
    }


def _name(result: Result, scores: Mapping[str, Entry]) -> str:
    plain, task = f"{result.choices['env']}_{result.choices['algo']}", _task(result.config)
    return plain if plain not in scores or scores[plain]["task"] == task else f"{plain}-{task}"


def _task(config: Mapping[str, object]) -> str:
    """Return 8 hex digits over what decides the returns of a policy."""
    return digest(without_modules([config["env"], config["reward"]]))


def _replace(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.copyfile(source, temporary)
    temporary.replace(target)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it whatever becomes of the process."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
