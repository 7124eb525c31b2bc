"""The launcher for sweepers that choose their jobs as they go, such as Optuna.

It composes, checks and freezes each job, then runs the folders through whichever of Hydra's launchers was chosen, as
``rlsuite.launch.cli`` does for grids, whose jobs are all known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from rlsuite.launch.sweep import Job, Outcome


class FolderLauncher(Launcher):
    """Takes the settings of any launcher; a job's value is the mean greedy return over its evaluation levels."""

    def __init__(self, **settings: Any) -> None:
        self.settings = {
            key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for key, value in settings.items()
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what is needed to compose a job."""
        self.context, self.task, self.config = hydra_context, task_function.__name__, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job for each list of overrides; one that fails has status FAILED, and the others their values."""
        from rlsuite.launch.cli import launch
        from rlsuite.launch.plan import launcher_of

        jobs = [self._job(list(overrides)) for overrides in job_overrides]
        outcomes = launch(jobs, launcher_of(self.config), self.settings)
        return [_returned(o, overrides) for o, overrides in zip(outcomes, job_overrides, strict=True)]

    def _job(self, overrides: list[str]) -> Job:
        from rlsuite.config.compose import check, without_hydra
        from rlsuite.launch.sweep import Job

        cfg = self.context.config_loader.load_sweep_config(self.config, overrides)
        check(without_hydra(cfg))
        return Job(self.task, without_hydra(cfg), Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir))


def _returned(outcome: Outcome, overrides: Sequence[str]) -> JobReturn:
    returned = JobReturn(overrides=list(overrides), cfg=outcome.job.cfg)
    if outcome.state == "completed":
        returned.status, returned.return_value = JobStatus.COMPLETED, objective(outcome.job.folder)
    else:
        returned.status, returned.return_value = JobStatus.FAILED, RuntimeError(outcome.reason)
    return returned


def objective(folder: Path) -> float:
    """Return what a search maximises: the mean return of the greedy policy over all levels it was judged on."""
    from rlsuite.runs.run_status import read_json

    levels = (read_json(folder / "result.json") or {})["levels"]
    means = [sum(level["greedy"]["returns"]) / len(level["greedy"]["returns"]) for level in levels]
    return sum(means) / len(means)
