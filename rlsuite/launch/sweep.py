"""A sweep: freeze every job, skip the finished, hand over the folders, wait for all, tell what became of each.

The files in the run folders are the truth: neither an exit code nor a batch system's word makes a run done.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from rlsuite.core.errors import UserError
from rlsuite.core.io import write_text
from rlsuite.launch.jobs.job import Backend, ExitInfo, Job, JobOutcome, say, short
from rlsuite.runs import lease
from rlsuite.runs.run_status import last_error
from rlsuite.runs.saved_config import freeze


def run_jobs(jobs: Sequence[Job], backend: Backend, outcomes: dict[Job, JobOutcome]) -> None:
    """Bring every job as far as it gets, and enter into ``outcomes`` what became of it.

    Raises:
        KeyboardInterrupt: On Ctrl-C, after the backend has seen to its jobs.
    """
    finished = [job for job in jobs if job.completed]
    outcomes |= {job: JobOutcome(job, "completed", before=True) for job in finished}
    jobs_left = [job for job in jobs if job not in outcomes]
    attached = backend.attached(jobs_left)
    elsewhere = {job for job in jobs_left if job not in attached and lease.alive(job.folder)}
    fresh = [job for job in jobs_left if job not in attached and job not in elsewhere]
    refused = {job: JobOutcome(job, "failed", str(error)) for job in fresh if (error := _freeze(job))}
    fresh = [job for job in fresh if job not in refused]
    say(
        f"{len(jobs)} jobs: {len(finished)} finished before, {len(attached) + len(elsewhere)} running or queued already, "
        f"{len(fresh)} to do"
    )
    outcomes |= refused
    reporter = ProgressReporter(jobs)
    try:
        backend.submit(fresh)
        while len(outcomes) < len(jobs):
            ended = backend.poll()
            for job in [job for job in elsewhere if not lease.alive(job.folder)]:
                elsewhere.remove(job)
                ended[job] = ExitInfo("it was run by another launcher and ended without a result")
            outcomes |= {job: outcome_of(job, ending) for job, ending in ended.items()}
            reporter.show(outcomes)
    except KeyboardInterrupt:
        say(backend.interrupt())
        raise


def _freeze(job: Job) -> UserError | None:
    """Make a job's folder ready; return what keeps it from being run there."""
    try:
        freeze(job.settings, job.folder)
        (job.folder / "error.txt").unlink(missing_ok=True)
    except UserError as error:
        return error
    return None


def outcome_of(job: Job, ending: ExitInfo) -> JobOutcome:
    """Say what became of a job that has ended; leave the reason in its folder if it could not do so itself."""
    log = ending.log or job.log
    if job.completed:
        return JobOutcome(job, "completed", log=log)
    state = job.status.state
    said = last_error(job.folder)
    if not said and not lease.alive(job.folder):
        said = ending.reason or "it ended without a result"
        write_text(job.folder / "error.txt", f"{said}\n")
        return JobOutcome(job, "missing", said, log)
    return JobOutcome(
        job, state if state in ("failed", "diverged") else "missing", said or ending.reason, log
    )


class ProgressReporter:
    """What a launcher tells while it waits: a line that rewrites itself, or one every now and then in a log."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs, self.started, self.told, self._last = jobs, time.monotonic(), 0, 0.0
        self.terminal = sys.stderr.isatty()
        self.every_s = 1.0 if self.terminal else 30.0

    def show(self, outcomes: dict[Job, JobOutcome]) -> None:
        """Print how far the sweep is; a job that failed is told at once."""
        for outcome in [o for o in list(outcomes.values())[self.told :] if not o.before]:
            if outcome.state != "completed":
                say(f"{outcome.state}: {short(outcome.job.folder)}: {outcome.reason}")
        self.told = len(outcomes)
        if time.monotonic() - self._last > self.every_s:
            self._last = time.monotonic()
            line = f"[{time.monotonic() - self.started:5.0f} s] {self._line(outcomes)}"
            print(
                f"\r\033[K{line}" if self.terminal else line,
                end="" if self.terminal else "\n",
                file=sys.stderr,
            )
            sys.stderr.flush()

    def _line(self, outcomes: dict[Job, JobOutcome]) -> str:
        found = [job.status for job in self.jobs if job not in outcomes]
        running = [run for run in found if run.state in ("running", "stale")]
        parts = [f"{count} {state}" for state, count in Counter(o.state for o in outcomes.values()).items()]
        parts += [f"{len(running)} running", f"{len(found) - len(running)} waiting"]
        ahead = [run.eta_s for run in running if run.eta_s]
        return f"{len(self.jobs)} jobs: {', '.join(parts)}" + (
            f"; longest of these {max(ahead):.0f} s" if ahead else ""
        )


def sweep_summary(outcomes: Iterable[JobOutcome]) -> str:
    """Return the table a sweep ends with: how many completed, and each that did not with its reason and log."""
    outcomes = list(outcomes)
    counts = Counter(outcome.state for outcome in outcomes)
    before = sum(outcome.before for outcome in outcomes)
    lines = [
        f"{counts['completed']} of {len(outcomes)} runs completed"
        + (f" ({before} of them before)" if before else "")
    ]
    bad = [outcome for outcome in outcomes if outcome.state != "completed"]
    for outcome in bad:
        lines.append(f"  {outcome.state:<9}{short(outcome.job.folder)}: {outcome.reason}")
        lines.append(f"  {'':<9}log: {short(outcome.log)}" if outcome.log else "")
    if bad:
        lines.append("the same command continues with these and leaves the others alone")
    return "\n".join(filter(None, lines))
