"""What is asked of SLURM: who is in the queue, how a job ended, how large an array may be.

A job counts as ended when the queue no longer lists it. That holds for every way a job can end, also for those of
which the accounting keeps no record, such as a pending array task that was cancelled.
"""

from __future__ import annotations

import getpass
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

POLL_S = (1.0, 10.0)
"""Seconds between two looks at the queue: at first, and at most. One call asks for all jobs."""
SILENT_S = 1800.0
"""Seconds the controller may be out of reach before the launcher gives up waiting; the jobs are SLURM's then."""
ACCOUNTING_S = 10.0
"""Seconds that the accounting may lag behind the queue; a pending task that was cancelled never gets there."""
CLUSTER = "slurm"
"""What ``job.json`` calls it."""
UNFINISHED = ("PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED")
HOPELESS = (
    "launch failed requeued held",
    "job requeued in held state",
    "BadConstraints",
    "DependencyNeverSatisfied",
)
"""Reasons for which a pending job will never start by itself."""
DEADLY = ("4", "6", "7", "8", "9", "11")
"""Signals that end a process by a crash or a kill, of which Python's own exit codes have none."""


@dataclass(frozen=True)
class JobArray:
    """Jobs ``start`` to ``stop`` as one array with ``share`` running at a time, after chunk ``after`` has ended."""

    start: int
    stop: int
    share: int
    after: int | None = None


def array_budget(settings: Mapping[str, object]) -> int:
    """Return how many jobs may run at a time in all, of the settings of ``hydra.launcher``."""
    return int(str(settings.get("array_parallelism") or 256))


def chunks(n_jobs: int, max_array_size: int, budget: int) -> list[JobArray]:
    """Cut jobs into arrays whose shares never exceed ``budget`` together.

    Arrays run side by side in as many envs as the budget allows (at most one a job at a time each); later ones wait for
    the array before them in their env. A share of 0 would mean no limit to SLURM.
    """
    count = -(-n_jobs // max_array_size)
    envs = min(count, max(1, budget))
    cut = [n_jobs * i // count for i in range(count + 1)] if count else [0]
    shares = [budget // envs + (env < budget % envs) for env in range(envs)]
    return [
        JobArray(cut[i], cut[i + 1], max(1, shares[i % envs]), i - envs if i >= envs else None)
        for i in range(count)
    ]


def ask(*command: str) -> str | None:
    """Return what a SLURM command prints, or None if it cannot answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def max_array_size() -> int:
    """Return how many tasks an array may have at this site (1,001, SLURM's own default, if it does not say)."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config") or "", re.M)
    return max(1, int(found[1])) if found else 1001


def queue() -> dict[str, tuple[str, str]] | None:
    """Return state and reason of each of my jobs in the queue, by id (``N`` or ``N_k``); None if nobody answers."""
    said = ask("squeue", "-h", "-r", "-u", getpass.getuser(), "-o", "%i|%T|%r")
    if said is None:
        return None
    lines = [line.split("|", 2) for line in said.splitlines() if line.count("|") >= 2]
    return {identifier: (state, reason) for identifier, state, reason in lines}


class Watch:
    """Looks at the queue now and then, ever less often, and tells which jobs have left it."""

    def __init__(self) -> None:
        self.started = self.answered = time.monotonic()
        self.absent: set[str] = set()

    def gone(self, ids: set[str]) -> set[str]:
        """Wait until it is time, look, and return those of ``ids`` that ended: absent in two looks, or hopeless."""
        first, most = POLL_S
        time.sleep(min(most, max(first, (time.monotonic() - self.started) / 20)))
        listed = queue()
        if listed is None:
            return ids if time.monotonic() - self.answered > SILENT_S else set()
        self.answered = time.monotonic()
        hopeless = {i for i in ids & listed.keys() if listed[i][0] == "PENDING" and listed[i][1] in HOPELESS}
        absent = ids - listed.keys()
        gone, self.absent = (absent & self.absent) | hopeless, absent
        return gone


def endings(ids: Iterable[str], patience_s: float = ACCOUNTING_S) -> dict[str, str]:
    """Return how jobs ended, in words, as far as the accounting knows within ``patience_s`` seconds."""
    ids, deadline = set(ids), time.monotonic() + patience_s
    found = accounted(ids)
    while found is not None and ids - found.keys() and time.monotonic() < deadline:
        time.sleep(1)
        found = accounted(ids) or found
    listed = queue() or {}
    unknown = (
        "SLURM has no record of it: cancelled before it started"
        if found is not None
        else ("it left the queue without a result, and this site's sacct does not answer")
    )
    held = {
        i: f"SLURM will not start it ({listed[i][1]}); scontrol release {i}, or scancel it"
        for i in ids & listed.keys()
    }
    return {i: unknown for i in ids} | held | (found or {})


def accounted(ids: set[str]) -> dict[str, str] | None:
    """Return in words the endings that the accounting has by now, by id; None if it does not answer."""
    roots = sorted({identifier.split("_")[0] for identifier in ids})
    said = ask("sacct", "-n", "-P", "-X", "-o", "JobID,State,ExitCode,NodeList", "-j", ",".join(roots))
    if said is None:
        return None
    rows = [[*line.split("|"), "", "", ""][:4] for line in said.splitlines()]
    return {row[0]: explain(*row[1:]) for row in rows if row[0] in ids and row[1] not in UNFINISHED}


def explain(state: str, code: str, nodes: str) -> str:
    """Return SLURM's verdict in words."""
    word = state.split()[0] if state else ""
    known = {
        "TIMEOUT": "it reached its time limit (raise hydra.launcher.timeout_min or max_num_timeout)",
        "OUT_OF_MEMORY": "it ran out of memory (raise hydra.launcher.mem_gb)",
        "NODE_FAIL": "its node failed",
        "PREEMPTED": "it was preempted and not requeued",
        "CANCELLED": "it was cancelled",
        "BOOT_FAIL": "its node did not start",
        "DEADLINE": "it reached its deadline",
    }
    reason = known.get(word, f"SLURM says {state}")
    if word == "FAILED":
        exit_code, _, number = code.partition(":")
        if number in ("", "0") and exit_code in DEADLY:  # srun passes a task's signal on as an exit code
            number = exit_code
        killed = number not in ("", "0")
        reason = f"killed by signal {number}" if killed else f"exit code {exit_code}"
        reason += " (by hand, or out of memory)" if number == "9" else ""
    where = f" on {nodes}" if nodes and nodes != "None assigned" else ""
    return f"{reason}{where} (SLURM: {state} {code})"


def share_out(arrays: Iterable[str], budget: int) -> None:
    """Divide the budget among the arrays that still have jobs, when another one has ended."""
    arrays = sorted(arrays)
    for env, array in enumerate(arrays):
        share = budget // len(arrays) + (env < budget % len(arrays))
        ask("scontrol", "update", f"JobId={array}", f"ArrayTaskThrottle={max(1, share)}")
