"""Who owns a run's folder: one process at a time, and an old copy writes nothing."""

import os

import pytest
from sweeps import SMALL

from rlsuite.core.io import write_json
from rlsuite.runs import lease
from rlsuite.runs.lease import Lease, LeaseLost

STEPS = "total_steps=4096"


def test_second_process_is_refused_and_the_first_keeps_its_folder(tmp_path):
    with lease.leased(tmp_path) as first:
        with pytest.raises(LeaseLost, match=f"being run by process {os.getpid()}"):
            Lease.take(tmp_path)
        first.check()
    assert not lease.alive(tmp_path)


def test_requeued_job_takes_over_and_the_old_copy_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "GRACE_S", 0)
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    old = Lease.take(tmp_path)
    new = Lease.take(tmp_path)
    new.check()
    with pytest.raises(LeaseLost, match="this copy stops"):
        old.check()
    old.release()
    new.check()  # the old one did not give back what is not its own


def test_dead_owner_and_a_reused_process_number_are_told_from_a_living_one(tmp_path):
    ours = lease.identity()
    write_json(tmp_path / lease.LEASE_FILE, ours | {"started": ours["started"] - 1})
    assert not lease.alive(tmp_path)
    Lease.take(tmp_path).check()


def test_owner_on_another_machine_lives_as_long_as_its_heartbeat(tmp_path, monkeypatch):
    write_json(tmp_path / lease.LEASE_FILE, lease.identity() | {"node": "elsewhere"})
    assert lease.alive(tmp_path)
    os.utime(tmp_path / lease.LEASE_FILE, (1, 1))
    assert not lease.alive(tmp_path)
    write_json(tmp_path / "status.json", {})
    assert lease.alive(tmp_path)


def test_old_copy_of_a_run_writes_neither_checkpoint_nor_result(tmp_path, monkeypatch):
    from rlsuite.config.settings import compose_settings
    from rlsuite.experiment.run import run

    def usurp(self):
        write_json(tmp_path / lease.LEASE_FILE, lease.identity())

    monkeypatch.setattr("rlsuite.experiment.callbacks.EpisodeMetricsCallback._on_rollout_start", usurp)
    with pytest.raises(LeaseLost):
        run(compose_settings([*SMALL, "total_steps=2048", "checkpoint.every_s=1000"]), tmp_path)
    assert not list(tmp_path.glob("checkpoint/[0-9]*"))
    assert not (tmp_path / "result.json").exists()
    assert not (tmp_path / "error.txt").exists()
