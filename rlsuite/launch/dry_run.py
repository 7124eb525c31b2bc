"""``dry_run=true``: what a command would do, from the files that are there; nothing is started or written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from rlsuite.launch.backends import slurm
from rlsuite.launch.jobs.job import Job, short
from rlsuite.launch.plan import LaunchPlan
from rlsuite.runs.run_status import RunStatus, read_json

PAST = ("outputs/*/status.json", "multirun/*/*/status.json")
"""Where earlier runs leave their measured speed, seen from the working folder."""
ACTIONS = {
    "completed": ("finished", "left alone"),
    "running": ("running", "waited for"),
    "stale": ("running", "waited for"),
    "failed": ("failed", "tried again"),
    "diverged": ("failed", "tried again"),
}


def action(run: RunStatus) -> tuple[str, str]:
    """Return the class of a job and what its command would do with it."""
    usual = ("resumable", f"continues at step {run.step:,}") if run.resumable else ("new", "starts")
    return ACTIONS.get(run.state, usual)


def forecast(plan: LaunchPlan) -> str:
    """Return the plan as text: a line a job, then counts, time and how the jobs would be handed over."""
    found = [job.status for job in plan.jobs]
    speeds = past_speeds()
    lines = [f"  {action(run)[0]:<10}{short(run.folder)}: {action(run)[1]}" for run in found]
    counts = Counter(action(run)[0] for run in found)
    lines += [f"  {'invalid':<10}{problem}" for problem in plan.problems]
    counted = ", ".join(f"{n} {name}" for name, n in counts.items())
    lines.append(
        f"{len(found)} jobs that can run: {counted}"
        + (f"; {len(plan.problems)} problems" if plan.problems else "")
    )
    if plan.open_ended:
        lines.append("the sweeper chooses its jobs as it goes: this is what they have in common")
    todo = [
        (job, run)
        for job, run in zip(plan.jobs, found, strict=True)
        if run.state not in ("completed", "running")
    ]
    if plan.jobs and plan.jobs[0].workload:
        lines.append(_time(todo, speeds))
    lines.append(_handing_over(plan, len(todo)))
    return "\n".join(lines)


def _time(todo: Iterable[tuple[Job, RunStatus]], speeds: dict[str, float]) -> str:
    """Return the hours the jobs need by the median speed of earlier runs of the same env and algorithm."""
    seconds, unknown = 0.0, set()
    for job, run in todo:
        pair, steps = job.workload or ("", 0)
        left = steps - (run.step if run.resumable else 0)
        if pair in speeds:
            seconds += left / speeds[pair]
        else:
            unknown.add(pair)
    missing = f"; never measured here: {', '.join(sorted(unknown))}" if unknown else ""
    return f"learning alone: {seconds / 3600:.2f} hours of one process, by the measured steps/s of earlier runs{missing}"


def past_speeds() -> dict[str, float]:
    """Return the median env steps a second of earlier runs, by ``<env>-<algo>``."""
    found = defaultdict(list)
    for pattern in PAST:
        for path in Path().glob(pattern):
            beat = read_json(path) or {}
            if beat.get("steps_per_s") and path.parent.name.count("-") >= 2:
                found["-".join(path.parent.name.split("-")[:2])].append(beat["steps_per_s"])
    return {pair: median(values) for pair, values in found.items()}


def _handing_over(plan: LaunchPlan, n_jobs: int) -> str:
    if not plan.multirun:
        return "one run, in this process"
    if not plan.launcher.needs_sbatch:
        return f"{n_jobs} jobs through {plan.launcher.name}, each in a process of its own"
    budget = slurm.array_budget(plan.launcher_settings)
    parts = slurm.chunks(n_jobs, slurm.max_array_size(), budget)
    sizes = ", ".join(f"{part.stop - part.start} (at most {part.share} at a time)" for part in parts)
    return f"{n_jobs} jobs as {len(parts)} SLURM array{'s' * (len(parts) != 1)}: {sizes or 'none'}; at most {budget} at a time in all"
