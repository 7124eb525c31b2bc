"""Commands in processes of their own, forked from one that has loaded the libraries: they start in a fraction of the time.

Most of what a short run costs is the import of torch and of what stands on it. Forks share their parent's string hashes: what
may hang on the order of a set is compared across one of them and the test's own process, whose hashes differ.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

LIBRARIES = [
    "rlsuite.experiment.run",
    "rlsuite.experiment.compare",
    "rlsuite.experiment.pretraining",
    "stable_baselines3",
    "sb3_contrib",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "matplotlib.backends.backend_agg",
    "hydra.main",
]
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(LIBRARIES)


def start(
    module: str, *arguments: str, cwd: Path | None = None, out: str = os.devnull, err: str = os.devnull
) -> BaseProcess:
    """Start ``python -m rlsuite.<module>`` in a session of its own, what it says appended to two files (or one)."""
    where = (str(cwd or Path.cwd()), dict(os.environ), (str(out), str(err)))
    process = _server.Process(target=_command, args=(module, arguments, *where))
    process.start()
    return process


def run(
    module: str, *arguments: str, cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a whole command; one that hangs fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (os.path.join(folder, name) for name in ("out", "err"))
        process = start(module, *arguments, cwd=cwd, out=out, err=err)
        process.join(timeout)
        said = [Path(file).read_text() for file in (out, err)]
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([module, *arguments], timeout, *said)
        return subprocess.CompletedProcess([module, *arguments], process.exitcode, *said)


@atexit.register
def _leave_none() -> None:
    """A command that hangs must not hang the tests, whose end waits for their children."""
    for process in multiprocessing.active_children():
        process.kill()


def _command(
    module: str, arguments: tuple[str, ...], cwd: str, environment: Mapping[str, str], files: tuple[str, str]
) -> None:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for stream, file in enumerate(files, start=1):
        with open(file, "ab") as kept:
            os.dup2(kept.fileno(), stream)
    sys.argv = [module, *arguments]
    runpy.run_module(f"rlsuite.{module}", run_name="__main__", alter_sys=True)
