"""Jobs through submitit: on this machine (submitit_local) or as SLURM arrays (submitit_slurm).

submitit submits, requeues and keeps the logs. What became of a job is asked of its folder and of the batch system,
never of a pickled return value: a killed job has none, and waiting for it would lose the others.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsuite.core.io import write_json
from rlsuite.launch.backends import slurm
from rlsuite.launch.jobs.folder_job import FolderJob
from rlsuite.launch.jobs.job import Backend, ExitInfo, Job, say
from rlsuite.runs.run_status import JOB_FILE, read_json

COMMON = frozenset(
    {
        "timeout_min",
        "cpus_per_task",
        "gpus_per_node",
        "tasks_per_node",
        "mem_gb",
        "nodes",
        "name",
        "stderr_to_stdout",
    }
)
"""Settings submitit knows by the same name for every kind of executor."""
LOOK_S = 0.5


def make_executor(cluster: str, settings: Mapping[str, Any], **more: Any) -> Any:
    """Return submitit's executor for the settings of ``hydra.launcher`` (as hydra-submitit-launcher makes it)."""
    import submitit

    settings = {key: value for key, value in settings.items() if not key.startswith("_")} | more
    first = {f"{cluster}_{key}": settings.pop(key) for key in ("max_num_timeout",) if key in settings}
    executor = submitit.AutoExecutor(folder=settings.pop("submitit_folder"), cluster=cluster, **first)
    executor.update_parameters(**{k if k in COMMON else f"{cluster}_{k}": v for k, v in settings.items()})
    return executor


def remember(job: Job, cluster: str, handle: Any) -> None:
    """Write down what the batch system calls a job, for a launcher or a user that comes later."""
    found = {"cluster": cluster, "id": str(handle.job_id), "log": str(handle.paths.stderr)}
    write_json(job.folder / JOB_FILE, found)


class LocalQueue(Backend):
    """submitit's local executor, as many jobs at once as the machine has cores (or devices) for."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings, self.queue = settings, deque[Job]()
        self.running: dict[Job, Any] = {}
        self.n_jobs = max(1, (os.cpu_count() or 1) // (settings.get("cpus_per_task") or 1))
        if gpus := settings.get("gpus_per_node"):
            self.n_jobs = max(1, _devices() // gpus)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs."""
        self.queue.extend(jobs)

    def poll(self) -> dict[Job, ExitInfo]:
        """Start what there is room for; return those that ended."""
        while self.queue and len(self.running) < self.n_jobs:
            job = self.queue.popleft()
            handle = make_executor("local", self.settings).submit(FolderJob(job.entry, job.folder.absolute()))
            remember(job, "local", handle)
            self.running[job] = handle
        time.sleep(LOOK_S)
        ended = {job: handle for job, handle in self.running.items() if handle.done()}
        for job in ended:
            del self.running[job]
        return {job: ExitInfo("", Path(handle.paths.stderr)) for job, handle in ended.items()}

    def interrupt(self) -> str:
        """Leave those that run: they need no launcher."""
        return f"{len(self.running)} runs go on without this launcher; the same command waits for them"


class SlurmQueue(Backend):
    """SLURM arrays, as many as the site's MaxArraySize asks for, under one limit of jobs running at a time."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.budget = slurm.array_budget(settings)
        self.handles: dict[Job, tuple[str, Path]] = {}
        self.refused: dict[Job, ExitInfo] = {}
        self.chained = False  # arrays that wait for others start with the share they were submitted with
        self.watch = slurm.Watch()

    def attached(self, jobs: Sequence[Job]) -> list[Job]:
        """Return those that are in the queue from an earlier command."""
        known = {job: read_json(job.folder / JOB_FILE) or {} for job in jobs}
        queued = (
            slurm.queue() if any(found.get("cluster") == slurm.CLUSTER for found in known.values()) else {}
        )
        for job, found in known.items():
            if found.get("cluster") == slurm.CLUSTER and found.get("id") in (queued or {}):
                self.handles[job] = (found["id"], Path(found["log"]))
        return list(self.handles)

    def submit(self, jobs: Sequence[Job]) -> None:
        """Submit all arrays at once; those that must wait for an earlier one depend on it."""
        arrays: list[str] = []
        for chunk in slurm.chunks(len(jobs), slurm.max_array_size(), self.budget):
            part = jobs[chunk.start : chunk.stop]
            try:
                handles = self._submit_array(part, chunk, arrays)
            except Exception as error:  # sbatch says no: the arrays before this one go on
                self.refused |= {job: ExitInfo(f"SLURM did not take it: {_last_line(error)}") for job in part}
                continue
            arrays.append(handles[0].job_id.split("_")[0])
            for job, handle in zip(part, handles, strict=True):
                remember(job, slurm.CLUSTER, handle)
                self.handles[job] = (handle.job_id, Path(handle.paths.stderr))
            self.chained |= chunk.after is not None
        if arrays:
            say(
                f"submitted {len(jobs) - len(self.refused)} jobs as {', '.join(arrays)}, at most {self.budget} at a time"
            )

    def _submit_array(self, part: Sequence[Job], chunk: slurm.JobArray, arrays: Sequence[str]) -> list[Any]:
        more: dict[str, Any] = {"array_parallelism": chunk.share}
        if chunk.after is not None:
            extra = dict(self.settings.get("additional_parameters") or {})
            more["additional_parameters"] = extra | {"dependency": f"afterany:{arrays[chunk.after]}"}
        grace = 0.5 * float(self.settings.get("signal_delay_s") or 60)
        works = [FolderJob(job.entry, job.folder.absolute(), grace) for job in part]
        return make_executor(slurm.CLUSTER, self.settings, **more).submit_array(works)

    def poll(self) -> dict[Job, ExitInfo]:
        """Return the jobs that have left the queue, with SLURM's own reason."""
        ended, self.refused = self.refused, {}
        if not self.handles:
            time.sleep(LOOK_S)  # the sweep may still wait for runs of another launcher
            return ended
        before = self._arrays()
        gone = self.watch.gone({identifier for identifier, _ in self.handles.values()})
        reasons = slurm.endings(gone) if gone else {}
        for job, (identifier, log) in list(self.handles.items()):
            if identifier in gone:
                ended[job] = ExitInfo(reasons.get(identifier, ""), log)
                del self.handles[job]
        if len(self._arrays()) < len(before) and not self.chained:
            slurm.share_out(self._arrays(), self.budget)
        return ended

    def _arrays(self) -> set[str]:
        return {identifier.split("_")[0] for identifier, _ in self.handles.values() if "_" in identifier}

    def interrupt(self) -> str:
        """Leave the jobs to SLURM."""
        ids = sorted({identifier.split("_")[0] for identifier, _ in self.handles.values()})
        return f"the jobs {' '.join(ids)} go on; the same command waits for them again, scancel ends them"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "error:" in line), lines[-1] if lines else repr(error))


def _devices() -> int:
    """Return how many GPUs this machine shows, without starting CUDA in this process."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(visible.split(",")) if visible else max(1, len(list(Path("/dev").glob("nvidia[0-9]*"))))
