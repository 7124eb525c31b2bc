"""What all entry points share: check first, then let Hydra run, and end with an exit code that tells the truth."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from omegaconf import DictConfig

from rlsuite.config import ConfigError, conf_dir
from rlsuite.contracts import UserError
from rlsuite.schema import Schema, Training

CONFIG_EXIT, RUN_EXIT, INTERRUPT_EXIT = 2, 1, 130

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
    if (
        args.help
        or args.hydra_help
        or args.cfg
        or args.info
        or args.shell_completion
        or args.experimental_rerun
    ):
        run()
        return
    plan = _plan_or_exit(args, task, args.config_name or config_name, schema)
    for folder in {folder.parent for folder in plan.folders} if plan.multirun else plan.folders:
        _make_folder(folder)
    logging.raiseExceptions = False  # a full disk is reported once by the run, not once a log line
    code = _exit_code(run)
    if plan.multirun:
        code = max(code, _report(plan.folders))
    sys.exit(code)


def _plan_or_exit(args: Any, task: Task, config_name: str, schema: Schema) -> Any:
    from rlsuite.plan import Command, make_plan

    program = f"python -m rlsuite.{task.__name__}"
    folder = Path(args.config_dir) if args.config_dir else None
    try:
        return make_plan(Command(args.overrides, program, config_name, folder, args.multirun, schema))
    except ConfigError as error:
        _fail(error, CONFIG_EXIT)


def _exit_code(run: Callable[[], Any]) -> int:
    try:
        run()
    except SystemExit as end:
        return int(end.code) if isinstance(end.code, int) else RUN_EXIT
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
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


def job(cfg: DictConfig, body: Callable[[DictConfig, Path], Any]) -> None:
    """Run one job in its folder and turn a user's mistake into one message.

    A single run then ends the process with the right code; in a sweep the others go on, and the parent reads
    the outcome from the folder. Anything unexpected keeps its traceback.
    """
    from hydra.core.hydra_config import HydraConfig

    hydra_cfg = HydraConfig.get()
    try:
        status = body(cfg, Path(hydra_cfg.runtime.output_dir)).status
    except (UserError, OSError) as error:
        print(f"{hydra_cfg.runtime.output_dir}: {error}", file=sys.stderr)
        status = "failed"
    if status != "completed" and hydra_cfg.mode.name == "RUN":
        sys.exit(RUN_EXIT)


def _status(folder: Path) -> str:
    try:
        return json.loads((folder / "result.json").read_text())["status"]
    except (OSError, ValueError, KeyError):
        return "without a result"


def _report(folders: Sequence[Path]) -> int:
    """Say which runs of a sweep did not complete; files are the truth, launchers' return values are not."""
    missing = {folder: _status(folder) for folder in folders if _status(folder) != "completed"}
    print(f"{len(folders) - len(missing)} of {len(folders)} runs completed")
    for folder, status in missing.items():
        print(f"  {status}: {os.path.relpath(folder)}", file=sys.stderr)
    return RUN_EXIT if missing else 0


def train(cfg: DictConfig) -> None:
    """Train one composition: the task behind ``rlsuite-train``."""
    from rlsuite.run import run

    job(cfg, run)


def evaluate(cfg: DictConfig) -> None:
    """Compare a trained policy with its yardsticks: the task behind ``rlsuite-evaluate``."""
    from rlsuite.comparison import evaluate_run

    job(cfg, lambda cfg, _: evaluate_run(cfg))


def pretrain(cfg: DictConfig) -> None:
    """Train one model that runs build on: the task behind ``rlsuite-pretrain``."""
    from rlsuite.pretraining import pretrain as body

    job(cfg, body)
