"""Hydra's launchers, by the names it has for them: what runs a sweep through each, and what it asks of a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rlsuite.launch.backends.processes import Processes
from rlsuite.launch.backends.submitit import LocalQueue, SlurmQueue
from rlsuite.launch.jobs.job import Backend

LauncherSettings = Mapping[str, object]
"""What stands under ``hydra.launcher``."""


@dataclass(frozen=True)
class LauncherKind:
    """One launcher.

    Attributes:
        backend: makes what runs the jobs.
        is_single_run: a command without ``-m`` may name it, since it needs no launcher at all.
        needs_sbatch: jobs go to SLURM, whose nodes may have devices that this machine lacks.
    """

    name: str
    backend: Callable[[LauncherSettings], Backend]
    is_single_run: bool = False
    needs_sbatch: bool = False


def _one_at_a_time(settings: LauncherSettings) -> Backend:
    return Processes(1)


def _pool(settings: LauncherSettings) -> Backend:
    from joblib import effective_n_jobs

    return Processes(effective_n_jobs(settings.get("n_jobs", -1)))


BASIC = LauncherKind("basic", _one_at_a_time, is_single_run=True)
LAUNCHERS: Mapping[str, LauncherKind] = {
    kind.name: kind
    for kind in (
        BASIC,
        LauncherKind("joblib", _pool),
        LauncherKind("submitit_local", LocalQueue),
        LauncherKind("submitit_slurm", SlurmQueue, needs_sbatch=True),
    )
}
