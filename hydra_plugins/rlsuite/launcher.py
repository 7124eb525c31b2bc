"""The launcher for sweepers that choose their jobs as they go, such as Optuna.

It composes, checks and freezes each job, then runs the folders through whichever of Hydra's launchers was chosen, as
``rlsuite.launch.cli`` does for grids, whose jobs are all known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from rlsuite.launch.cli import HydraTask
    from rlsuite.launch.jobs.job import Job, JobOutcome


class FolderLauncher(Launcher):
    """Takes the settings of any launcher; a job's value is the mean greedy return over its evaluation levels."""

    def __init__(self, **settings: object) -> None:
        self.settings = {
            key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for key, value in settings.items()
        }

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction | HydraTask, config: DictConfig
    ) -> None:
        """Keep what is needed to compose a job."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides; one that fails has status FAILED, and the others their values."""
        from rlsuite.config.hydra_compat import launcher_name
        from rlsuite.launch.cli import HydraTask, launch
        from rlsuite.launch.launchers import LAUNCHERS

        assert isinstance(self.task, HydraTask), "started by rlsuite.launch.cli"
        jobs = [self._job(self.task, list(overrides)) for overrides in job_overrides]
        outcomes: list[JobOutcome] = []
        try:
            launch(jobs, LAUNCHERS[launcher_name(self.config)], self.settings, outcomes)
        finally:
            self.task.outcomes += outcomes
        return [_returned(o, overrides) for o, overrides in zip(outcomes, job_overrides, strict=True)]

    def _job(self, task: HydraTask, overrides: list[str]) -> Job:
        from rlsuite.config.compose import without_hydra
        from rlsuite.config.settings import checked
        from rlsuite.launch.plan import make_job

        cfg = self.context.config_loader.load_sweep_config(self.config, overrides)
        checked(without_hydra(cfg), task.entry.schema)
        return make_job(task.entry, cfg)


def _returned(outcome: JobOutcome, overrides: Sequence[str]) -> JobReturn:
    returned = JobReturn(overrides=list(overrides))
    if outcome.state == "completed":
        returned.status, returned.return_value = JobStatus.COMPLETED, objective(outcome.job.folder)
    else:
        returned.status, returned.return_value = JobStatus.FAILED, RuntimeError(outcome.reason)
    return returned


def objective(folder: Path) -> float:
    """Return what a search maximises: the mean return of the greedy policy over all levels it was evaluated on."""
    from rlsuite.runs.result import Result

    means = Result.read(folder / "result.json").mean_returns()
    return sum(means) / len(means)
