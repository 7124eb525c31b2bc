"""What a command would start: every job of it, composed and checked before the first begins."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from rlsuite.config.compose import session, without_hydra
from rlsuite.config.hydra_compat import grid_jobs, is_grid, is_multirun, launcher_name, plain_launcher
from rlsuite.config.machine import device_problem
from rlsuite.config.overrides import compose_or_complain, parse, spelled_out
from rlsuite.config.run_id import choice
from rlsuite.config.settings import to_settings
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError
from rlsuite.launch.jobs.entry_points import EntryPoint, Train
from rlsuite.launch.jobs.job import Job
from rlsuite.launch.launchers import BASIC, LAUNCHERS, LauncherKind, LauncherSettings


@dataclass(frozen=True)
class Command:
    """What was typed."""

    overrides: Sequence[str]
    entry: EntryPoint = field(default_factory=Train)
    other_config: str | None = None  # of ``--config-name``
    config_dir: Path | None = None
    multirun: bool = False

    @property
    def config_name(self) -> str:
        """The yaml at the root of the composition."""
        return self.other_config or self.entry.schema.config_name


@dataclass(frozen=True)
class LaunchPlan:
    """A command's jobs in the order they start; ``open_ended`` if a sweeper will choose them one by one."""

    jobs: list[Job]
    multirun: bool
    launcher: LauncherKind = BASIC
    launcher_settings: LauncherSettings = field(default_factory=dict)
    dry_run: bool = False
    open_ended: bool = False
    problems: list[str] = field(
        default_factory=list
    )  # of a sweep that is only planned; any other is refused for them
    spelled: dict[str, str] = field(default_factory=dict)  # each override as typed, and in full

    @property
    def folders(self) -> list[Path]:
        """The folder of each job."""
        return [job.folder for job in self.jobs]


@dataclass
class _Findings:
    """Problems in the order found, each with the jobs that have it."""

    jobs: dict[str, list[str]] = field(default_factory=dict)

    def add(self, problems: Sequence[str], job: str) -> None:
        for problem in problems:
            self.jobs.setdefault(problem, []).append(job)

    def lines(self, n_jobs: int) -> list[str]:
        def where(jobs: list[str]) -> str:
            return f" (in {len(jobs)} of {n_jobs} jobs: {jobs[0]})" if 0 < len(jobs) < n_jobs else ""

        return [problem + where([job for job in jobs if job]) for problem, jobs in self.jobs.items()]


def make_plan(command: Command) -> LaunchPlan:
    """Compose and check all that a command asks for.

    Raises:
        ConfigError: with every problem of every job; nothing has been built or written. A sweep with ``dry_run`` is
            returned with its problems instead.
    """
    if command.config_dir is not None and not command.config_dir.is_dir():
        raise ConfigError([f"--config-dir {command.config_dir}: no such folder"])
    findings = _Findings()
    with session(command.config_dir):
        overrides = spelled_out(command.overrides, command.config_name)
        spelled = dict(zip(command.overrides, overrides, strict=True))
        if command.multirun:
            overrides = command.entry.sweep_overrides(overrides)
        parsed, problems = parse(overrides)
        findings.add(problems, "")
        fixed = [override for override in parsed if not override.is_sweep_override()]
        base, problems = compose_or_complain(fixed, command.config_name)
        multirun = command.multirun or (base is not None and is_multirun(base))
        findings.add(list(_mode_problems(command, parsed, base, multirun)), "")
        jobs = list(_jobs(parsed, base)) if multirun else [fixed]
        composed = (
            (compose_or_complain(job, command.config_name) for job in jobs)
            if multirun
            else [(base, problems)]
        )
        checked = zip(jobs, composed, strict=True)
        known = list(filter(None, (_check_job(*job, command, findings, multirun) for job in checked)))
        seen = Counter(str(job.folder) for job in known)
        twins = sorted(folder for folder, count in seen.items() if count > 1)
        findings.add([f"several jobs of the sweep are the same run, {twin}" for twin in twins], "")
        problems = findings.lines(len(jobs))
        if base is None or (problems and not (multirun and base.get("dry_run"))):
            raise ConfigError(problems)
        settings = plain_launcher(base)
        open_ended = multirun and not is_grid(base)
        dry_run = bool(base.get("dry_run"))
        return LaunchPlan(known, multirun, _launcher(base), settings, dry_run, open_ended, problems, spelled)


def _launcher(cfg: DictConfig) -> LauncherKind:
    """Return the launcher chosen; an unknown one, which is refused, counts as the simplest."""
    return LAUNCHERS.get(launcher_name(cfg), BASIC)


def _check_job(
    job: Sequence[Override],
    composed: tuple[DictConfig | None, list[str]],
    command: Command,
    findings: _Findings,
    multirun: bool,
) -> Job | None:
    """Check one composed job; return it if it is right."""
    cfg, problems = composed
    label = " ".join(str(override.input_line) for override in job) if multirun else ""
    if cfg is not None:
        problems = [*problems, *find_problems(without_hydra(cfg), command.entry.schema, pairs=not problems)]
    findings.add(problems, label)
    if cfg is None:
        return None
    findings.add(list(_device_problems(cfg)), "")
    if problems:
        return None
    made = make_job(command.entry, cfg, multirun)
    refused = list(command.entry.problems(made.settings)) if multirun else []
    findings.add(refused, "")
    return None if refused else made


def make_job(entry: EntryPoint, cfg: DictConfig, multirun: bool = True) -> Job:
    """Return the job of a checked config, its ``hydra`` part still inside."""
    folder = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir) if multirun else Path(cfg.hydra.run.dir)
    return Job(entry, to_settings(without_hydra(cfg), entry.schema), folder)


def _device_problems(cfg: DictConfig) -> Iterator[str]:
    """Yield what keeps the jobs from the device they ask for."""
    device = str(OmegaConf.select(cfg, "hardware.device", default="cpu"))
    if not _launcher(cfg).needs_sbatch:
        problem = device_problem(device)
        yield from [problem] if problem else []
    elif device == "cuda":  # a login node need not have the device, but the jobs must ask for it
        asked = ("gpus_per_node", "gpus_per_task", "gres", "additional_parameters")
        if not any(
            "gpu" in str(cfg.hydra.launcher.get(key)) if key in asked[2:] else cfg.hydra.launcher.get(key)
            for key in asked
        ):
            yield "hardware.device=cuda: SLURM gives a job the GPUs it asks for; add hydra.launcher.gpus_per_node=1"


def _jobs(parsed: Sequence[Override], base: DictConfig | None) -> Iterator[list[Override]]:
    """Yield the overrides of each job as Hydra's basic sweeper would make them.

    Other sweepers choose their jobs while they run: of those only the fixed part can be checked.
    """
    ours = [override for override in parsed if override.is_hydra_override()]
    task = [override for override in parsed if not override.is_hydra_override()]
    sweeper = OmegaConf.select(base, "hydra.sweeper") if base is not None else None
    if base is not None and not is_grid(base):
        yield [override for override in parsed if not override.is_sweep_override()]
        return
    params = [f"{key}={value}" for key, value in ((sweeper or {}).get("params") or {}).items()]
    axes = parse(params)[0]
    for lines in grid_jobs([*axes, *task]):
        yield [*ours, *parse(lines)[0]]


def _mode_problems(
    command: Command, parsed: Sequence[Override], base: DictConfig | None, multirun: bool
) -> Iterator[str]:
    """Yield what is wrong with the command as a single run, or as a sweep."""
    name = launcher_name(base) if base is not None else BASIC.name
    launcher = LAUNCHERS.get(name)
    if launcher is None:
        yield f"hydra/launcher={name}: sweeps run through {', '.join(LAUNCHERS)}"
    for override in (override for override in parsed if override.is_sweep_override()):
        if not multirun:
            yield f"{override.input_line}: several values are a sweep; add -m, or write a list as [a,b]"
        elif override.key_or_group.startswith("hardware"):
            yield f"{override.input_line}: a sweep runs on one hardware; name it once"
    hardware = choice("hardware", base) if base is not None else None
    if not multirun and not (launcher and launcher.is_single_run):
        line = f"python -m rlsuite.{command.entry.name} -m {shlex.join(command.overrides)}"
        yield f"hardware={hardware}: jobs are handed over by a sweep only; type {line}"
    elif launcher and launcher.needs_sbatch and shutil.which("sbatch") is None:
        yield (
            f"hardware={hardware}: this machine has no sbatch, so no SLURM to submit to; "
            "hardware=pool runs a sweep on this machine"
        )
