"""One writer a run folder: a lease file names the owner, and an old copy that still lives stops when it has lost it.

After a node failure SLURM starts a job again while the first copy may still be running where nobody can reach it. The
new copy writes its own token; the old one reads the file before it writes anything that counts, and ends itself.
"""

from __future__ import annotations

import json
import os
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlsuite.core.errors import UserError
from rlsuite.core.io import write_json

LEASE_FILE = "lease.json"
STALE_S = 120.0
"""Seconds without a heartbeat after which an owner on another machine counts as dead."""
CHECK_S, GRACE_S = 0.5, 2.0
"""Seconds between two looks at the file, and those a new owner waits so that an old one has looked."""


class LeaseLost(UserError):  # noqa: N818 - a state, not a programming error
    """Another process owns this run folder; nothing more may be written to it."""


class Lease:
    """The right to write to a run folder, from ``take`` to ``release``."""

    def __init__(self, folder: Path, token: str) -> None:
        self.path, self.token, self._checked = folder / LEASE_FILE, token, 0.0

    @classmethod
    def take(cls, folder: Path) -> Lease:
        """Own ``folder``; take over from an owner that is dead, or was this very SLURM job before it was requeued.

        Raises:
            LeaseLost: If a living process of another job owns it.
        """
        owner, ours = _read(folder), identity()
        same_job = owner is not None and owner["job"] is not None and owner["job"] == ours["job"]
        if owner and not same_job and alive(folder):
            job = f" (job {owner['job']})" if owner["job"] else ""
            raise LeaseLost(
                f"{folder} is being run by process {owner['pid']} on {owner['node']}{job}; its result will be there"
            )
        write_json(folder / LEASE_FILE, ours)
        if owner and (owner["node"] != ours["node"] or (same_job and _process_alive(owner))):
            time.sleep(GRACE_S)
        return cls(folder, str(ours["token"]))

    def check(self, now: bool = True) -> None:
        """Make sure that the folder is still ours; without ``now`` look at most every ``CHECK_S`` seconds.

        Raises:
            LeaseLost: If another process has taken it over.
        """
        if not now and time.monotonic() - self._checked < CHECK_S:
            return
        self._checked = time.monotonic()
        owner = _read(self.path.parent)
        if owner is None or owner["token"] != self.token:
            who = f"process {owner['pid']} on {owner['node']}" if owner else "nobody"
            raise LeaseLost(f"{self.path.parent} was taken over by {who}: this copy stops and writes no more")

    def release(self) -> None:
        """Give the folder back, if it is still ours."""
        owner = _read(self.path.parent)
        if owner and owner["token"] == self.token:
            self.path.unlink(missing_ok=True)


@contextmanager
def leased(folder: Path) -> Iterator[Lease]:
    """Own ``folder`` while the body runs."""
    lease = Lease.take(folder)
    try:
        yield lease
    finally:
        lease.release()


def identity() -> dict[str, object]:
    """Return what tells this process from every other: a token, the machine, the process and its SLURM job."""
    job = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return {
        "token": uuid.uuid4().hex,
        "node": platform.node(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "job": "_".join(filter(None, job)) or os.environ.get("SLURM_JOB_ID"),
    }


def alive(folder: Path) -> bool:
    """Tell whether a living process owns ``folder``: asked of the system here, of the heartbeat elsewhere."""
    owner = _read(folder)
    if owner is None:
        return False
    return _process_alive(owner) if owner["node"] == platform.node() else _beats(folder)


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        owner = json.loads((folder / LEASE_FILE).read_text())
        return owner if {"token", "node", "pid", "started", "job"} <= owner.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _process_alive(owner: dict[str, Any]) -> bool:
    started = _started(owner["pid"])
    if started is not None:
        return started == owner["started"]
    if Path("/proc/self/stat").exists():
        return False
    try:  # no /proc here: the number alone has to do
        os.kill(owner["pid"], 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _started(pid: int) -> int | None:
    """Return the tick a process began at, which tells it from a later one of the same number; None if it is dead."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(rest[18])


def _beats(folder: Path) -> bool:
    newest = 0.0
    for name in ("status.json", LEASE_FILE):
        try:
            newest = max(newest, (folder / name).stat().st_mtime)
        except OSError:
            continue
    return time.time() - newest < STALE_S
