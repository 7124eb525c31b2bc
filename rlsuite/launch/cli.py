"""What all entry points share: check first, then let Hydra run, and end with an exit code that tells the truth."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig

from rlsuite.config.files import conf_dir
from rlsuite.config.hydra_compat import argument_parser, decorated
from rlsuite.config.settings import to_settings
from rlsuite.core import signals
from rlsuite.core.errors import ConfigError, UserError
from rlsuite.core.terminal import INTERRUPT_EXIT, ending_with_reader
from rlsuite.launch.jobs.entry_points import EntryPoint
from rlsuite.launch.jobs.job import Job, JobOutcome
from rlsuite.launch.launchers import LauncherKind, LauncherSettings
from rlsuite.launch.plan import Command, LaunchPlan, make_plan
from rlsuite.launch.sweep import run_jobs, sweep_summary

CONFIG_EXIT, RUN_EXIT = 2, 1
SOFTLY: dict[int, float] = {signal.SIGTERM: signals.GRACE_S, signal.SIGINT: signals.GRACE_S}
"""What stops a training at its next rollout boundary, with a checkpoint."""


@dataclass
class HydraTask:
    """What Hydra calls with the config of a single run, and what became of the jobs that its sweeper had us launch."""

    entry: EntryPoint
    outcomes: list[JobOutcome] = field(default_factory=list)

    def __call__(self, cfg: DictConfig) -> None:
        """Run one job in the folder Hydra has made."""
        if self.entry.stops_at_boundaries:
            signals.listen(SOFTLY)
        run_single(self.entry, cfg)


def start(entry: EntryPoint) -> None:
    """Run a command line: refuse it with all its problems, or hand it to Hydra.

    Ends the process with 2 for a wrong command and 1 for a run that did not complete.
    """
    if os.name != "posix":  # processes are forked, asked to stop by signals, and locks are the system's
        _fail(UserError("rlsuite runs on Linux and macOS"), RUN_EXIT)
    args = argument_parser().parse_args()
    task, config_name = HydraTask(entry), args.config_name or entry.schema.config_name
    run = decorated(task, conf_dir(), entry.schema.config_name)
    if args.help:
        with ending_with_reader():
            print(_help(config_name, args.config_dir))
        return
    if args.experimental_rerun:  # a run: it outlives its reader
        run()
        return
    if args.hydra_help or args.cfg or args.info or args.shell_completion:
        with ending_with_reader():
            run()
        return
    plan = _plan_or_exit(args, entry)
    if plan.dry_run:
        from rlsuite.launch.dry_run import forecast

        with ending_with_reader():
            print(forecast(plan))
        sys.exit(CONFIG_EXIT if plan.problems else 0)
    sys.argv[1:] = [plan.spelled.get(argument, argument) for argument in sys.argv[1:]]  # Hydra reads it
    for folder in {folder.parent for folder in plan.folders} if plan.multirun else plan.folders:
        _make_folder(folder)
    logging.raiseExceptions = False  # a full disk is reported once by the run, not once a log line
    if plan.multirun and not plan.open_ended:
        run = partial(launch, plan.jobs, plan.launcher, plan.launcher_settings, task.outcomes)
    code = _exit_code(run)
    if plan.multirun:
        code = max(code, _report(task.outcomes))
    sys.exit(code)


def launch(
    jobs: Sequence[Job], launcher: LauncherKind, settings: LauncherSettings, outcomes: list[JobOutcome]
) -> None:
    """Run jobs through a launcher with its settings; none can keep another from its result.

    What became of each, in the order of ``jobs``, is appended to ``outcomes``, also when Ctrl-C ends the launcher.
    """
    found: dict[Job, JobOutcome] = {}
    before = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: jobs of this machine save and stop
    try:
        run_jobs(jobs, launcher.backend(settings), found)
    finally:
        signal.signal(signal.SIGTERM, before)
        stopped = "the launcher was stopped before it ended"
        outcomes += [found.get(job) or JobOutcome(job, "missing", stopped) for job in jobs]


def _help(config_name: str, config_dir: str | None) -> str:
    """Return the help page of a config, with the sentence of each choice beside its name."""
    from hydra import compose

    from rlsuite.config.compose import session
    from rlsuite.config.help import fill_page

    own = [Path(config_dir)] if config_dir else []
    with session(*own):
        page = compose(config_name, return_hydra_config=True).hydra.help.template
    return fill_page(page, [conf_dir(), *own])


def _plan_or_exit(args: Namespace, entry: EntryPoint) -> LaunchPlan:
    folder = Path(args.config_dir) if args.config_dir else None
    try:
        return make_plan(Command(args.overrides, entry, args.config_name, folder, args.multirun))
    except ConfigError as error:
        _fail(error, CONFIG_EXIT)


def _exit_code(run: Callable[[], None]) -> int:
    try:
        run()
    except SystemExit as end:
        return int(end.code) if isinstance(end.code, int) else RUN_EXIT
    except KeyboardInterrupt:
        print("interrupted; the same command continues from what was saved", file=sys.stderr)
        return INTERRUPT_EXIT
    return 0


def _fail(error: Exception, code: int) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(code)


def _make_folder(folder: Path) -> None:
    """Make a run folder and prove that files can be written there, or end with one clear message."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        _fail(UserError(f"the run folder {folder} cannot be written: {error.strerror or error}"), RUN_EXIT)


def run_single(entry: EntryPoint, cfg: DictConfig) -> None:
    """Run one job in its folder; end the process with the right code, a user's mistake as one message.

    Anything unexpected keeps its traceback.
    """
    from hydra.core.hydra_config import HydraConfig

    folder = HydraConfig.get().runtime.output_dir
    try:
        status = entry.run(to_settings(cfg, entry.schema), Path(folder))
    except (UserError, OSError) as error:
        print(f"{folder}: {error}", file=sys.stderr)
        status = "failed"
    if status != "completed":
        sys.exit(RUN_EXIT)


def _report(outcomes: Iterable[JobOutcome]) -> int:
    """Tell what became of a sweep's jobs."""
    outcomes = list(outcomes)
    print(sweep_summary(outcomes))
    return RUN_EXIT if any(outcome.state != "completed" for outcome in outcomes) else 0
