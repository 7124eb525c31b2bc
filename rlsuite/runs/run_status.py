"""Where a run stands, read from the files in its folder: what a plan, a sweep and ``rlsuite.launch.status_table`` go by."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsuite.runs import lease

JOB_FILE = "job.json"
"""What a batch system calls the job of a run, and where its log is."""


@dataclass(frozen=True)
class RunStatus:
    """One run: its state and its last heartbeat.

    ``state`` is completed, running, stale (alive, but silent for long), queued, interrupted, killed, failed, diverged or
    new. ``resumable`` tells whether there is a checkpoint to go on from.
    """

    folder: Path
    state: str
    resumable: bool = False
    step: int = 0
    total_steps: int = 0
    steps_per_s: float = 0.0
    eta_s: float | None = None
    node: str = ""
    restarts: int = 0
    updated: float = 0.0

    @property
    def silent_s(self) -> float:
        """Seconds since the last heartbeat."""
        return time.time() - self.updated if self.updated else 0.0


def completed(folder: Path) -> bool:
    """Tell whether ``result.json`` says that a run is done for good."""
    found = read_json(folder / "result.json")
    return found is not None and found.get("status") == "completed"


def run_status(folder: Path, is_completed: Callable[[Path], bool] = completed) -> RunStatus:
    """Read where a run stands; ``is_completed`` tells whether the job of this folder is done for good."""
    beat = read_json(folder / "status.json") or {}
    state = "completed" if is_completed(folder) else _state(folder, beat)
    return RunStatus(
        folder,
        state,
        resumable=state != "completed" and any((folder / "checkpoint").glob("[0-9]*")),
        **{name: beat[name] for name in _BEAT if beat.get(name) is not None},
    )


_BEAT = ("step", "total_steps", "steps_per_s", "eta_s", "node", "restarts", "updated")


def _state(folder: Path, beat: Mapping[str, Any]) -> str:
    """Return the state of a run that is not completed."""
    said, updated = str(beat.get("state", "")), beat.get("updated", 0.0)
    if lease.alive(folder):
        return "stale" if said == "running" and time.time() - updated > lease.STALE_S else "running"
    if said == "running":
        return "killed"
    if said:
        return said
    if (folder / "error.txt").exists():
        return "failed"
    return "queued" if (folder / JOB_FILE).exists() else "new"


def last_error(folder: Path) -> str:
    """Return the last line of ``error.txt``: what went wrong, in one line."""
    try:
        lines = (folder / "error.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None if there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
