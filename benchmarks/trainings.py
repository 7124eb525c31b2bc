"""A training of a study: a process of its own, resumed where it stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def train(overrides: Iterable[str], folder: Path) -> float:
    """Make the run of ``folder``, or resume it; return the CPU seconds that this took.

    What it prints goes to ``folder.log``. After a resume the seconds are less than the run cost.

    Raises:
        SystemExit: If the training command fails.
    """
    command = [sys.executable, "-m", "rlsuite.train", *overrides, f"hydra.run.dir={folder}"]
    log = folder.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        _, code, usage = os.wait4(process.pid, 0)
    if code:
        raise SystemExit(f"{' '.join(command)} failed; see {log}")
    return round(usage.ru_utime + usage.ru_stime, 1)
