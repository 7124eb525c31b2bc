"""What all entry points share: check first, then let Hydra run, and end with an exit code that tells the truth."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import DictConfig

from rlsuite.config.compose import conf_dir
from rlsuite.config.schema import Schema, Training
from rlsuite.core import signals
from rlsuite.core.errors import ConfigError, UserError
from rlsuite.core.terminal import INTERRUPT_EXIT, ending_with_reader
from rlsuite.launch.job import body
from rlsuite.launch.sweep import Backend, Job, Outcome, run_jobs, summary

CONFIG_EXIT, RUN_EXIT = 2, 1
SOFTLY: dict[int, float] = {signal.SIGTERM: signals.GRACE_S, signal.SIGINT: signals.GRACE_S}
"""What stops a training at its next rollout boundary, with a checkpoint."""

Task = Callable[[DictConfig], None]


def start(task: Task, config_name: str = "config", schema: Schema = Training) -> None:
    """Run a command line: refuse it with all its problems, or hand it to Hydra.

    Ends the process with 2 for a wrong command and 1 for a run that did not complete.

    Args:
        task: the importable function Hydra calls for every job (launchers pickle it), see ``job``.
        config_name: the yaml at the root of the composition.
        schema: what the top level of that config must hold.
    """
    import hydra
    from hydra._internal.utils import get_args_parser

    args = get_args_parser().parse_args()
    run = hydra.main(config_path=str(conf_dir()), config_name=config_name, version_base="1.3")(task)
    if args.help:
        with ending_with_reader():
            print(_help(args.config_name or config_name, args.config_dir))
        return
    if args.experimental_rerun:  # a run: it outlives its reader
        run()
        return
    if args.hydra_help or args.cfg or args.info or args.shell_completion:
        with ending_with_reader():
            run()
        return
    plan = _plan_or_exit(args, task, args.config_name or config_name, schema)
    if plan.dry_run:
        from rlsuite.launch.dry_run import forecast

        with ending_with_reader():
            print(forecast(plan))
        sys.exit(CONFIG_EXIT if plan.problems else 0)
    for folder in {folder.parent for folder in plan.folders} if plan.multirun else plan.folders:
        _make_folder(folder)
    logging.raiseExceptions = False  # a full disk is reported once by the run, not once a log line
    grid = plan.multirun and not plan.open_ended
    code = _exit_code(partial(launch, plan.jobs, plan.launcher, plan.settings) if grid else run)
    if plan.multirun:
        code = max(code, _report())
    sys.exit(code)


LAUNCHED: list[Outcome] = []
"""What became of the jobs this process has launched."""


def launch(jobs: Sequence[Job], launcher: str, settings: Mapping[str, Any]) -> list[Outcome]:
    """Run jobs through the launcher of that name, with its settings; none can keep another from its result."""
    found: dict[Job, Outcome] = {}
    before = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as Ctrl-C: jobs of this machine save and stop
    try:
        run_jobs(jobs, make_backend(launcher, settings), found)
    finally:
        signal.signal(signal.SIGTERM, before)
        stopped = "the launcher was stopped before it ended"
        outcomes = [found.get(job) or Outcome(job, "missing", stopped) for job in jobs]
        LAUNCHED.extend(outcomes)
    return outcomes


def make_backend(launcher: str, settings: Mapping[str, Any]) -> Backend:
    """Return what runs jobs under the name Hydra has for it."""
    from rlsuite.launch.backends.processes import Processes
    from rlsuite.launch.backends.submitit import LocalQueue, SlurmQueue

    if launcher == "submitit_slurm":
        return SlurmQueue(settings)
    if launcher == "submitit_local":
        return LocalQueue(settings)
    n_jobs = 1
    if launcher == "joblib":
        from joblib import effective_n_jobs

        n_jobs = effective_n_jobs(settings.get("n_jobs", -1))
    return Processes(n_jobs)


def _help(config_name: str, config_dir: str | None) -> str:
    """Return the help page of a config, with the sentence of each choice beside its name."""
    from hydra import compose

    from rlsuite.config.compose import session
    from rlsuite.config.help import fill

    own = [Path(config_dir)] if config_dir else []
    with session(*own):
        page = compose(config_name, return_hydra_config=True).hydra.help.template
    return fill(page, [conf_dir(), *own])


def _plan_or_exit(args: Any, task: Task, config_name: str, schema: Schema) -> Any:
    from rlsuite.launch.plan import Command, make_plan

    folder = Path(args.config_dir) if args.config_dir else None
    try:
        return make_plan(Command(args.overrides, task.__name__, config_name, folder, args.multirun, schema))
    except ConfigError as error:
        _fail(error, CONFIG_EXIT)


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as end:
        return int(end.code) if isinstance(end.code, int) else RUN_EXIT
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from what was saved", file=sys.stderr)
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


def job(cfg: DictConfig, work: Callable[[DictConfig, Path], Any]) -> None:
    """Run one job in its folder; end the process with the right code, a user's mistake as one message.

    Anything unexpected keeps its traceback.
    """
    from hydra.core.hydra_config import HydraConfig

    hydra_cfg = HydraConfig.get()
    try:
        status = work(cfg, Path(hydra_cfg.runtime.output_dir)).status
    except (UserError, OSError) as error:
        print(f"{hydra_cfg.runtime.output_dir}: {error}", file=sys.stderr)
        status = "failed"
    if status != "completed":
        sys.exit(RUN_EXIT)


def _report() -> int:
    """Tell what became of a sweep's jobs."""
    print(summary(LAUNCHED))
    return RUN_EXIT if any(outcome.state != "completed" for outcome in LAUNCHED) else 0


def train(cfg: DictConfig) -> None:
    """Train one composition: the task behind ``rlsuite-train``."""
    signals.listen(SOFTLY)
    job(cfg, body("train"))


def evaluate(cfg: DictConfig) -> None:
    """Compare a trained policy with its reference policies: the task behind ``rlsuite-evaluate``."""
    job(cfg, body("evaluate"))


def pretrain(cfg: DictConfig) -> None:
    """Train one model that runs build on: the task behind ``rlsuite-pretrain``."""
    signals.listen(SOFTLY)
    job(cfg, body("pretrain"))
