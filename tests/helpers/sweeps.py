"""Helpers of the sweep tests: commands as a user types them, kills at the right moment, results as one comparable set."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import warm

MAX_ARRAY = 7  # tasks an array of the local SLURM holds
STEPS = "total_steps=8192"
SMALL = [
    "env=cartpole",
    "algo=ppo",
    "algo.n_envs=4",
    "algo.n_steps=64",
    "evaluation.episodes=2",
    "evaluation.levels=[0,1]",
    "checkpoint.every_s=0",
]
"""A run of about 2,000 env steps a second that checkpoints after every rollout."""


def start(*overrides: str, cwd: Path, module: str = "train") -> BaseProcess:
    """Start ``python -m rlsuite.train -m ...`` in a session of its own, its output in ``launcher.log``."""
    log = str(cwd / "launcher.log")
    return warm.start(module, "-m", *overrides, cwd=cwd, out=log, err=log)


def command(
    *overrides: str, cwd: Path, module: str = "train", timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run a whole sweep command; a launcher that hangs fails the test."""
    return warm.run(module, "-m", *overrides, cwd=cwd, timeout=timeout)


def ended(launcher: BaseProcess, timeout: float) -> int | None:
    """Wait for a launcher's end; return its exit code, None if it hangs."""
    launcher.join(timeout)
    return launcher.exitcode


def results(cwd: Path) -> dict[str, tuple]:
    """Return what decides, of every completed run below ``cwd``, by the run's name."""
    found = {}
    for path in cwd.glob("multirun/*/*/result.json"):
        result = json.loads(path.read_text())
        if result["status"] == "completed":
            kept = (result[key] for key in ("parameter_hash", "levels", "grs", "steps", "exact"))
            found[path.parent.name] = tuple(json.dumps(value, sort_keys=True) for value in kept)
    return found


def folder(cwd: Path, seed: int) -> Path | None:
    """Return the folder of the run with a seed, once it is there."""
    return next(iter(cwd.glob(f"multirun/*/*-s{seed}-*")), None)


def beat(cwd: Path, seed: int) -> dict:
    """Return the last heartbeat of the run with a seed; empty if there is none."""
    run = folder(cwd, seed)
    try:
        return json.loads((run / "status.json").read_text()) if run else {}
    except (OSError, ValueError):
        return {}


def learning(cwd: Path, seed: int) -> bool:
    """Tell whether the run with a seed is alive and has a checkpoint."""
    run = folder(cwd, seed)
    return bool(run and (run / "lease.json").exists() and any((run / "checkpoint").glob("[0-9]*")))


def rollouts(cwd: Path, seed: int) -> int:
    """Return how many updates the run with a seed has logged."""
    run = folder(cwd, seed)
    history = run / "history.csv" if run else cwd / "none"
    return max(0, len(history.read_text().splitlines()) - 1) if history.exists() else 0


def until(true: Callable[[], object], process: BaseProcess | None = None, timeout: float = 90) -> bool:
    """Wait until something is true; False if the launcher ended before."""
    deadline = time.monotonic() + timeout
    while not true():
        if process is not None and not process.is_alive():
            return False
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return True


def kill(pid: int) -> None:
    """SIGKILL one process; it may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def held(cwd: Path, *seeds: int) -> Iterator[None]:
    """Let the runs with these seeds wait, so that they are not done before another launcher has looked."""
    runs = [beat(cwd, seed)["pid"] for seed in seeds]
    try:
        for pid in runs:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in runs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def harass(line: tuple[str, ...], cwd: Path, seeds: int, kills: int, rng: random.Random) -> int:
    """Type a sweep's command until ``kills`` of its runs (3 of 4 times) or launchers were killed; return how often."""
    typed = 0
    while kills:
        launcher, typed = start(*line, cwd=cwd), typed + 1
        while kills and launcher.is_alive():
            alive = [seed for seed in range(seeds) if learning(cwd, seed)]
            if alive:
                time.sleep(rng.uniform(0, 0.3))
                victim = beat(cwd, rng.choice(alive)).get("pid") if rng.random() < 0.75 else launcher.pid
                if victim and Path(f"/proc/{victim}").exists():
                    kill(victim)
                    kills -= 1
            time.sleep(0.02)
        if not kills:
            launcher.kill()
        launcher.join()
    return typed
