"""``history.csv`` over a restart: nothing twice, nothing lost; what the heartbeat tells."""

import json
from pathlib import Path

from rlsuite.runs.lease import Lease
from rlsuite.runs.logging import History, Status


def written(path: Path, resume_step: int, *rows: tuple[int, dict[str, float]]) -> str:
    history = History(path, resume_step)
    for step, values in rows:
        history.write(values, {}, step)
    return path.read_text()


def test_a_run_killed_after_its_last_row_does_not_write_it_twice(tmp_path: Path) -> None:
    learning, end = (10, {"train/loss": 1.0}), (20, {"train/loss": 2.0, "result/greedy_auc": 3.0})
    whole = written(tmp_path / "whole.csv", 0, learning, end)
    written(tmp_path / "killed.csv", 0, learning, end)
    assert written(tmp_path / "killed.csv", 20, end) == whole
    assert whole.splitlines() == ["step,train/loss,result/greedy_auc", "10,1.0,", "20,2.0,3.0"]


def test_rows_after_the_checkpoint_are_written_anew(tmp_path: Path) -> None:
    rows = [(step, {"train/loss": float(step)}) for step in (10, 20, 30)]
    whole = written(tmp_path / "whole.csv", 0, *rows)
    written(tmp_path / "killed.csv", 0, *rows)
    assert written(tmp_path / "killed.csv", 10, *rows[1:]) == whole


def test_the_last_rollout_may_pass_the_total_and_nothing_is_left_then(tmp_path: Path) -> None:
    status = Status(tmp_path, 100, Lease.take(tmp_path))
    status.beat(120, force=True)
    assert json.loads(status.path.read_text())["eta_s"] == 0
