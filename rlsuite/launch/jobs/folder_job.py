"""One job of a sweep: bring a folder with a frozen config to its end, whatever the YAML files say by now."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlsuite.core import signals
from rlsuite.core.errors import UserError
from rlsuite.core.io import write_text
from rlsuite.launch.jobs.entry_points import EntryPoint
from rlsuite.runs.lease import LeaseLost

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

FAILED_EXIT = 1
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderJob:
    """The callable that runs a frozen folder; submitit pickles it, and asks ``checkpoint`` what to run after a requeue.

    ``grace_s`` is how long it may go on to a rollout boundary after the signal that its time is over.
    """

    entry: EntryPoint
    folder: Path
    grace_s: float = signals.GRACE_S

    def __call__(self) -> None:
        """Run, and end the process with 0 only if the job completed."""
        # submitit has bound USR2 by now, to what requeues the job; ours comes first and hands over to it
        before = signals.listen({signal.SIGTERM: signals.GRACE_S, signal.SIGUSR2: self.grace_s})
        try:
            status = self._run()
        except signals.Interrupted as stop:
            print(stop, file=sys.stderr)
            if stop.number == signal.SIGUSR2 and callable(before.get(signal.SIGUSR2)):
                before[signal.SIGUSR2](stop.number, None)
            sys.exit(128 + stop.number)
        if status != "completed":
            sys.exit(FAILED_EXIT)

    def _run(self) -> str:
        configure_logging()
        try:
            return self.entry.resume(self.folder)
        except LeaseLost as error:  # the folder is another's: leave no trace in it
            print(error, file=sys.stderr)
        except (UserError, OSError) as error:
            print(f"{self.folder}: {error}", file=sys.stderr)
            write_text(self.folder / "error.txt", f"{error}\n")
        except Exception:
            traceback.print_exc()
            write_text(self.folder / "error.txt", traceback.format_exc())
        return "failed"

    def checkpoint(self) -> DelayedSubmission:
        """Return the same job: it continues from the checkpoint in its folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def configure_logging() -> None:
    """Log as the entry points do, but all to the job's own output."""
    logging.basicConfig(
        level=logging.INFO, format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s", force=True
    )
    logging.raiseExceptions = False


def write_output_to(path: Path) -> None:
    """Append all this process prints, its native libraries included, to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1, closefd=False), os.fdopen(2, "w", 1, closefd=False)
