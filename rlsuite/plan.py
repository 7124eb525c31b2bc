"""What a command would start: every job of it, composed and checked before the first begins."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from rlsuite.check import find_problems
from rlsuite.commandline import compose_or_complain, parse
from rlsuite.config import ConfigError, session, without_hydra
from rlsuite.pairs import device_problem
from rlsuite.schema import Schema, Training


@dataclass(frozen=True)
class Command:
    """What was typed."""

    overrides: Sequence[str]
    program: str = "python -m rlsuite.train"
    config_name: str = "config"
    config_dir: Path | None = None
    multirun: bool = False
    schema: Schema = Training


@dataclass(frozen=True)
class Plan:
    """The run folders of a command's jobs, in the order they start."""

    folders: list[Path]
    multirun: bool


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
        ConfigError: with every problem of every job; nothing has been built or written.
    """
    if command.config_dir is not None and not command.config_dir.is_dir():
        raise ConfigError([f"--config-dir {command.config_dir}: no such folder"])
    findings = _Findings()
    with session(command.config_dir):
        parsed, problems = parse(command.overrides)
        findings.add(problems, "")
        fixed = [override for override in parsed if not override.is_sweep_override()]
        base, problems = compose_or_complain(fixed, command.config_name)
        multirun = command.multirun or (base is not None and str(base.hydra.mode).endswith("MULTIRUN"))
        findings.add(list(_mode_problems(command, parsed, base, multirun)), "")
        jobs = list(_jobs(parsed, base)) if multirun else [fixed]
        folders = [_check_job(job, command, findings, multirun) for job in jobs]
    known = [folder for folder in folders if folder is not None]
    twins = {str(folder) for folder in known if known.count(folder) > 1}
    findings.add([f"several jobs of the sweep are the same run, {twin}" for twin in sorted(twins)], "")
    if findings.jobs:
        raise ConfigError(findings.lines(len(jobs)))
    return Plan(known, multirun)


def _check_job(job: Sequence[Override], command: Command, findings: _Findings, multirun: bool) -> Path | None:
    """Compose and check one job; return its run folder if it is right."""
    cfg, problems = compose_or_complain(job, command.config_name)
    label = " ".join(str(override.input_line) for override in job) if multirun else ""
    if cfg is not None:
        problems += find_problems(without_hydra(cfg), command.schema, pairs=not problems)
    findings.add(problems, label)
    if cfg is None:
        return None
    if "slurm" not in str(
        cfg.hydra.runtime.choices["hydra/launcher"]
    ):  # a login node need not have the device
        device = device_problem(str(OmegaConf.select(cfg, "hardware.device", default="cpu")))
        findings.add([device] if device else [], "")
    if problems:
        return None
    return Path(cfg.hydra.sweep.dir) / str(cfg.hydra.sweep.subdir) if multirun else Path(cfg.hydra.run.dir)


def _jobs(parsed: Sequence[Override], base: DictConfig | None) -> Iterator[list[Override]]:
    """Yield the overrides of each job as Hydra's basic sweeper would make them.

    Other sweepers choose their jobs while they run: of those only the fixed part can be checked.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    ours = [override for override in parsed if override.is_hydra_override()]
    task = [override for override in parsed if not override.is_hydra_override()]
    sweeper = OmegaConf.select(base, "hydra.sweeper") if base is not None else None
    if sweeper is not None and not str(sweeper.get("_target_", "")).endswith(".BasicSweeper"):
        yield [override for override in parsed if not override.is_sweep_override()]
        return
    params = [f"{key}={value}" for key, value in ((sweeper or {}).get("params") or {}).items()]
    axes = parse(params)[0]
    for lines in BasicSweeper.split_arguments([*axes, *task], max_batch_size=None)[0]:
        yield [*ours, *parse(lines)[0]]


def _mode_problems(
    command: Command, parsed: Sequence[Override], base: DictConfig | None, multirun: bool
) -> Iterator[str]:
    """Yield what is wrong with the command as a single run, or as a sweep."""
    choices = base.hydra.runtime.choices if base is not None else {"hydra/launcher": "basic"}
    launcher = str(choices["hydra/launcher"])
    for override in (override for override in parsed if override.is_sweep_override()):
        if not multirun:
            yield f"{override.input_line}: several values are a sweep; add -m, or write a list as [a,b]"
        elif override.key_or_group.startswith("hardware"):
            yield f"{override.input_line}: a sweep runs on one hardware; name it once"
    if not multirun and launcher != "basic":
        line = f"{command.program} -m {shlex.join(command.overrides)}"
        yield f"hardware={choices.get('hardware')}: jobs are handed over by a sweep only; type {line}"
    elif launcher.endswith("slurm") and shutil.which("sbatch") is None:
        yield (
            f"hardware={choices.get('hardware')}: this machine has no sbatch, so no SLURM to submit to; "
            "hardware=pool runs a sweep on this machine"
        )
