"""What a run writes while it lives: status.json, TensorBoard, history.csv. All go on cleanly after a restart."""

from __future__ import annotations

import csv
import numbers
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

from stable_baselines3.common.logger import HParam, KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from rlsuite.core.io import write_json, write_text
from rlsuite.runs.lease import Lease
from rlsuite.runs.result import Result


class Status:
    """The heartbeat ``status.json``: state, step, steps/s, ETA, node, restarts."""

    def __init__(self, folder: Path, total_steps: int, lease: Lease, every_s: float = 5.0) -> None:
        self.path, self.total_steps, self.every_s = folder / "status.json", total_steps, every_s
        self.lease = lease
        self.restarts, self.wall_time_s = 0, 0.0
        self._resumed_at, self._resumed_step, self._last = time.monotonic(), 0, 0.0

    def resume(self, step: int, restarts: int, wall_time_s: float) -> None:
        """Take over the counters of the interrupted run."""
        self.restarts, self.wall_time_s = restarts, wall_time_s
        self._resumed_step = step

    @property
    def elapsed_s(self) -> float:
        """Seconds of wall time this run has cost so far, restarts included."""
        return self.wall_time_s + time.monotonic() - self._resumed_at

    def speed(self, step: int) -> float:
        """Env steps per second since this process took over."""
        return (step - self._resumed_step) / max(time.monotonic() - self._resumed_at, 1e-9)

    def beat(self, step: int, state: str = "running", force: bool = False) -> None:
        """Write the heartbeat, at most every ``every_s`` seconds unless forced.

        Raises:
            LeaseLost: If another process owns the folder by now.
        """
        now = time.monotonic()
        self.lease.check(now=force)
        if not force and now - self._last < self.every_s:
            return
        self._last, speed = now, self.speed(step)
        write_json(
            self.path,
            {
                "state": state,
                "step": step,
                "total_steps": self.total_steps,
                "steps_per_s": round(speed, 2),
                "eta_s": round(max(self.total_steps - step, 0) / speed, 1) if speed > 0 else None,
                "node": platform.node(),
                "pid": os.getpid(),
                "restarts": self.restarts,
                "updated": time.time(),
            },
        )


class History(KVWriter):
    """``history.csv``: a row an update. On resume, rows after the checkpoint are dropped, then written again.

    So is the last row, which tells the result: the last checkpoint is of the same step, and a run that ended between this row
    and its result.json would write it twice.
    """

    def __init__(self, path: Path, resume_step: int) -> None:
        self.path = path
        self.rows: list[dict[str, object]] = []
        if path.exists():
            with path.open(newline="") as file:
                self.rows = [
                    row
                    for row in csv.DictReader(file)
                    if float(row["step"]) <= resume_step
                    and not any(value for key, value in row.items() if key.startswith("result/"))
                ]
        self.columns = list(self.rows[0]) if self.rows else ["step"]
        self._rewrite()

    def write(
        self, key_values: dict[str, object], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Append the scalars logged at ``step``; a new key adds a column."""
        row: dict[str, object] = {
            k: float(v)
            for k, v in key_values.items()
            if isinstance(v, numbers.Real) and not k.startswith("time/")
        }
        row["step"] = step
        self.rows.append(row)
        new = [key for key in sorted(row) if key not in self.columns]
        if new:
            self.columns += new
            self._rewrite()
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    def _rewrite(self) -> None:
        lines = [",".join(self.columns)]
        lines += [",".join(str(row.get(c, "")) for c in self.columns) for row in self.rows]
        write_text(self.path, "\n".join(lines) + "\n")

    def close(self) -> None:
        """Nothing is held open."""


class TensorBoard(TensorBoardOutputFormat):
    """SB3's TensorBoard writer, which on resume hides the points after the checkpoint (``purge_step``)."""

    def __init__(self, folder: Path, resume_step: int) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=resume_step + 1 if resume_step else None)
        self._is_closed = False


def make_logger(folder: Path, resume_step: int) -> Logger:
    """Return SB3's logger writing to ``folder/tb`` and ``folder/history.csv``."""
    return Logger(
        str(folder), [TensorBoard(folder / "tb", resume_step), History(folder / "history.csv", resume_step)]
    )


def log_hparams(logger: Logger, result: Result) -> None:
    """Record the run's settings and its final scores, for TensorBoard's HPARAMS tab."""
    settings = {
        key: value
        for key, value in _flat(result.config).items()
        if isinstance(value, bool | int | float | str)
    }
    scores = {
        f"result/{mode}_{key}": v
        for mode, score in result.grs.items()
        for key, v in score.items()
        if v is not None
    }
    for key, value in scores.items():
        logger.record(key, value)
    logger.record("hparams", HParam(settings, dict.fromkeys(scores, 0)), exclude=("csv",))


def _flat(node: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in node.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
