"""A job of a sweep, how its process ended, what became of it; and where jobs may run."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlsuite.config.schema import Settings
from rlsuite.launch.jobs.entry_points import EntryPoint
from rlsuite.runs.run_status import RunStatus


@dataclass(frozen=True)
class Job:
    """One job of a sweep: what to run, with which settings, in which folder."""

    entry: EntryPoint
    settings: Settings = field(repr=False, hash=False, compare=False)
    folder: Path

    @property
    def log(self) -> Path:
        """Where a job on this machine prints to."""
        return self.folder / f"{self.entry.name}.log"

    @property
    def completed(self) -> bool:
        """Whether it is done for good."""
        return self.entry.completed(self.folder)

    @property
    def status(self) -> RunStatus:
        """Where it stands."""
        return self.entry.status(self.folder)

    @property
    def workload(self) -> tuple[str, int] | None:
        """``<env>-<algo>`` and the env steps it takes; None where it takes none."""
        return self.entry.workload(self.settings)


@dataclass(frozen=True)
class ExitInfo:
    """How a job's process ended, as far as its backend knows: ``reason`` is empty if nothing is known."""

    reason: str = ""
    log: Path | None = None


@dataclass(frozen=True)
class JobOutcome:
    """What a sweep says about one of its jobs: completed, failed (it said so itself) or missing (it could not)."""

    job: Job
    state: str
    reason: str = ""
    log: Path | None = None
    before: bool = False


class Backend(ABC):
    """Where jobs run. It never raises because of a job."""

    def attached(self, jobs: Sequence[Job]) -> list[Job]:
        """Return those an earlier launcher submitted that are still queued or running; they count as submitted.

        None where jobs end with their launcher, or hold their lease.
        """
        return []

    @abstractmethod
    def submit(self, jobs: Sequence[Job]) -> None:
        """Take over the jobs."""

    @abstractmethod
    def poll(self) -> dict[Job, ExitInfo]:
        """Wait a moment; return the jobs that have ended since the last call."""

    @abstractmethod
    def interrupt(self) -> str:
        """React to Ctrl-C: end what would be lost without a launcher; say what runs on."""


def short(path: Path) -> str:
    """Return a path as seen from here."""
    return os.path.relpath(path)


def say(text: str) -> None:
    """Tell the user something, on a line of its own."""
    print(f"{chr(13)}{chr(27)}[K{text}" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)
