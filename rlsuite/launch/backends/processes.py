"""Jobs on this machine, each in a process of its own, so that none can take the sweep or another with it.

They are forked from the launcher, which has one thread and has loaded the libraries: a job starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait

from rlsuite.launch.jobs.folder_job import FolderJob, write_output_to
from rlsuite.launch.jobs.job import Backend, ExitInfo, Job

WAIT_S = 0.2
STOP_S = 20.0
"""Seconds jobs may take to stop after Ctrl-C: to their next rollout boundary and a checkpoint."""
PR_SET_PDEATHSIG = 1


class Processes(Backend):
    """At most ``n_jobs`` at a time, in order."""

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs
        self.queue: deque[Job] = deque()
        self.running: dict[Job, multiprocessing.process.BaseProcess] = {}
        self._fork = multiprocessing.get_context("fork")

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs; load here what all of them need."""
        self.queue.extend(jobs)
        for entry in {job.entry for job in jobs}:
            entry.load()

    def poll(self) -> dict[Job, ExitInfo]:
        """Start what there is room for, wait for an end, return those that ended."""
        while self.queue and len(self.running) < self.n_jobs:
            job = self.queue.popleft()
            self.running[job] = process = self._fork.Process(target=_child, args=(job, os.getpid()))
            process.start()
        wait([process.sentinel for process in self.running.values()], WAIT_S)
        ended = {job: process for job, process in self.running.items() if not process.is_alive()}
        for job in ended:
            del self.running[job]
        return {job: ExitInfo(death(process.exitcode), job.log) for job, process in ended.items()}

    def interrupt(self) -> str:
        """Stop all: each saves a checkpoint at its next boundary."""
        for process in self.running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_S
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: at once
            for process in self.running.values():
                process.join(max(0.0, deadline - time.monotonic()))
        for process in self.running.values():
            process.kill()
            process.join()
        return f"{len(self.running)} runs stopped"


def death(code: int | None) -> str:
    """Return in words how a process with this exit code ended, if it could not tell itself."""
    if code is None or code == 0:
        return "its process ended well but left no result"
    if code > 0:
        return (
            f"its process ended with exit code {code} and no word"
            if code < 128
            else f"stopped by {_name(code - 128)}"
        )
    hint = " (by hand, or out of memory: the kernel kills so)" if code == -signal.SIGKILL else ""
    return f"killed by {_name(-code)}{hint}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _child(job: Job, launcher: int) -> None:
    """Run in the forked process: apart from the terminal's signals, and not longer than its launcher."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:  # it died in between
            os._exit(1)
    write_output_to(job.log)
    FolderJob(job.entry, job.folder)()
