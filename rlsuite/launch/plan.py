"""What a command would start: every job of it, composed and checked before the first begins."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from rlsuite.config.compatibility import device_problem
from rlsuite.config.compose import session, without_hydra
from rlsuite.config.overrides import compose_or_complain, parse
from rlsuite.config.schema import Schema, Training
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError
from rlsuite.launch.sweep import Job
from rlsuite.runs.run_status import completed

LAUNCHERS = ("basic", "joblib", "submitit_local", "submitit_slurm")


@dataclass(frozen=True)
class Command:
    """What was typed."""

    overrides: Sequence[str]
    task: str = "train"
    config_name: str = "config"
    config_dir: Path | None = None
    multirun: bool = False
    schema: Schema = Training


@dataclass(frozen=True)
class Plan:
    """A command's jobs in the order they start; ``open_ended`` if a sweeper will choose them one by one."""

    jobs: list[Job]
    multirun: bool
    launcher: str = "basic"
    settings: dict[str, Any] = field(default_factory=dict)  # of hydra.launcher
    dry_run: bool = False
    open_ended: bool = False
    problems: list[str] = field(
        default_factory=list
    )  # of a sweep that is only planned; any other is refused for them

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


def make_plan(command: Command) -> Plan:
    """Compose and check all that a command asks for.

    Raises:
        ConfigError: with every problem of every job; nothing has been built or written. A sweep with ``dry_run`` is
            returned with its problems instead.
    """
    if command.config_dir is not None and not command.config_dir.is_dir():
        raise ConfigError([f"--config-dir {command.config_dir}: no such folder"])
    findings = _Findings()
    with session(command.config_dir):
        overrides = expand_runs(command.overrides) if command.multirun else command.overrides
        parsed, problems = parse(overrides)
        findings.add(problems, "")
        fixed = [override for override in parsed if not override.is_sweep_override()]
        base, problems = compose_or_complain(fixed, command.config_name)
        multirun = command.multirun or (base is not None and str(base.hydra.mode).endswith("MULTIRUN"))
        findings.add(list(_mode_problems(command, parsed, base, multirun)), "")
        jobs = list(_jobs(parsed, base)) if multirun else [fixed]
        known = list(filter(None, (_check_job(job, command, findings, multirun) for job in jobs)))
        seen = Counter(str(job.folder) for job in known)
        twins = sorted(folder for folder, count in seen.items() if count > 1)
        findings.add([f"several jobs of the sweep are the same run, {twin}" for twin in twins], "")
        problems = findings.lines(len(jobs))
        if base is None or (problems and not (multirun and base.get("dry_run"))):
            raise ConfigError(problems)
        settings = OmegaConf.to_container(base.hydra.launcher, resolve=True)
        assert isinstance(settings, dict)
        open_ended = multirun and not _is_grid(base)
        return Plan(
            known, multirun, launcher_of(base), settings, bool(base.get("dry_run")), open_ended, problems
        )


def expand_runs(overrides: Sequence[str]) -> list[str]:
    """Let ``run=`` of an evaluation sweep name folders of sweeps and patterns: all finished runs there, as one axis."""
    found = []
    for text in overrides:
        key, _, value = text.partition("=")
        if key == "run":
            paths = [Path(name) for item in value.split(",") for name in sorted(glob(item)) or [item]]
            inner = [[path] if (path / "config.yaml").exists() else _finished(path) for path in paths]
            text = "run=" + ",".join(str(path) for part in inner for path in part)
        found.append(text)
    return found


def _finished(folder: Path) -> list[Path]:
    """Return the finished runs in a folder; the folder itself if there are none, to be complained about."""
    runs = [path.parent for path in sorted(folder.glob("*/result.json")) if completed(path.parent)]
    return runs or [folder]


def launcher_of(cfg: DictConfig) -> str:
    """Return the name of the launcher chosen."""
    return str(cfg.hydra.runtime.choices["hydra/launcher"])


def _check_job(job: Sequence[Override], command: Command, findings: _Findings, multirun: bool) -> Job | None:
    """Compose and check one job; return it if it is right."""
    cfg, problems = compose_or_complain(job, command.config_name)
    label = " ".join(str(override.input_line) for override in job) if multirun else ""
    if cfg is not None:
        problems += find_problems(without_hydra(cfg), command.schema, pairs=not problems)
    findings.add(problems, label)
    if cfg is None:
        return None
    findings.add(list(_device_problems(cfg)), "")
    if command.task == "evaluate" and multirun and not (Path(cfg.run) / "config.yaml").exists():
        findings.add([f"run={cfg.run}: no run and no finished runs there"], "")
    if problems:
        return None
    folder = Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir) if multirun else Path(cfg.hydra.run.dir)
    return Job(command.task, without_hydra(cfg), folder)


def _device_problems(cfg: DictConfig) -> Iterator[str]:
    """Yield what keeps the jobs from the device they ask for."""
    device = str(OmegaConf.select(cfg, "hardware.device", default="cpu"))
    if launcher_of(cfg) != "submitit_slurm":
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
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    ours = [override for override in parsed if override.is_hydra_override()]
    task = [override for override in parsed if not override.is_hydra_override()]
    sweeper = OmegaConf.select(base, "hydra.sweeper") if base is not None else None
    if base is not None and not _is_grid(base):
        yield [override for override in parsed if not override.is_sweep_override()]
        return
    params = [f"{key}={value}" for key, value in ((sweeper or {}).get("params") or {}).items()]
    axes = parse(params)[0]
    for lines in BasicSweeper.split_arguments([*axes, *task], max_batch_size=None)[0]:
        yield [*ours, *parse(lines)[0]]


def _is_grid(base: DictConfig) -> bool:
    """Tell whether the sweep is Hydra's own, whose jobs are all known beforehand."""
    return str((base.hydra.get("sweeper") or {}).get("_target_", ".BasicSweeper")).endswith(".BasicSweeper")


def _mode_problems(
    command: Command, parsed: Sequence[Override], base: DictConfig | None, multirun: bool
) -> Iterator[str]:
    """Yield what is wrong with the command as a single run, or as a sweep."""
    choices = base.hydra.runtime.choices if base is not None else {"hydra/launcher": "basic"}
    launcher = str(choices["hydra/launcher"])
    if launcher not in LAUNCHERS:
        yield f"hydra/launcher={launcher}: sweeps run through {', '.join(LAUNCHERS)}"
    for override in (override for override in parsed if override.is_sweep_override()):
        if not multirun:
            yield f"{override.input_line}: several values are a sweep; add -m, or write a list as [a,b]"
        elif override.key_or_group.startswith("hardware"):
            yield f"{override.input_line}: a sweep runs on one hardware; name it once"
    if not multirun and launcher != "basic":
        line = f"python -m rlsuite.{command.task} -m {shlex.join(command.overrides)}"
        yield f"hardware={choices.get('hardware')}: jobs are handed over by a sweep only; type {line}"
    elif launcher.endswith("slurm") and shutil.which("sbatch") is None:
        yield (
            f"hardware={choices.get('hardware')}: this machine has no sbatch, so no SLURM to submit to; "
            "hardware=pool runs a sweep on this machine"
        )
