"""Helpers of the sweep tests: commands as a user types them, kills at the right moment, results as one comparable set."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import rlsuite

ROOT = Path(rlsuite.__file__).parents[1]
SMALL = ["env=cartpole", "algo=ppo", "algo.n_envs=4", "algo.n_steps=64", "evaluation.episodes=2", "evaluation.levels=[0,1]",
         "checkpoint.every_s=0"]  # fmt: skip
"""A run of about 2,000 env steps a second that checkpoints after every rollout."""


def environment() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": "1",
    }


def start(*overrides: str, cwd: Path, module: str = "train") -> subprocess.Popen:
    """Start ``python -m rlsuite.train -m ...`` in a session of its own, its output in ``launcher.log``."""
    with (cwd / "launcher.log").open("ab") as log:
        line = [sys.executable, "-m", f"rlsuite.{module}", "-m", *overrides]
        return subprocess.Popen(
            line, cwd=cwd, env=environment(), stdout=log, stderr=log, start_new_session=True
        )


def command(
    *overrides: str, cwd: Path, module: str = "train", timeout: float = 300
) -> subprocess.CompletedProcess:
    """Run a whole sweep command; a launcher that hangs fails the test."""
    line = [sys.executable, "-m", f"rlsuite.{module}", "-m", *overrides]
    return subprocess.run(line, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout)


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


def until(true: Callable[[], object], process: subprocess.Popen | None = None, timeout: float = 90) -> bool:
    """Wait until something is true; False if the launcher ended before."""
    deadline = time.monotonic() + timeout
    while not true():
        if process is not None and process.poll() is not None:
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
        while kills and launcher.poll() is None:
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
        launcher.wait()
    return typed
