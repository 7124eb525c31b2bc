"""Sweeps on a real SLURM: whatever happens to their jobs, the same command ends with an undisturbed sweep's results."""

import re
import subprocess
import sys
import time

import pytest
from sweeps import (
    MAX_ARRAY,
    SMALL,
    STEPS,
    beat,
    command,
    ended,
    folder,
    held,
    kill,
    learning,
    results,
    rollouts,
    start,
    until,
)

pytestmark = pytest.mark.slurm

LINE = (*SMALL, STEPS, "hardware=slurm", "hydra.launcher.mem_gb=2", "hydra.launcher.timeout_min=10")
BOUND_S = 150
"""The launcher must have ended by then, whatever was done to its jobs; the stock one waits for ever for some."""


def said(cwd) -> str:
    return (cwd / "launcher.log").read_text()


def test_array_of_six_jobs_on_three_nodes(undisturbed, slurm, tmp_path):
    done = command(*LINE, "seed=range(6)", "hydra.launcher.gpus_per_node=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs completed" in done.stdout
    assert results(tmp_path) == undisturbed
    array = re.search(r"submitted 6 jobs as (\d+),", done.stderr)[1]
    nodes = slurm("sacct", "-nPX", "-j", array, "-o", "NodeList").split()
    assert sorted(set(nodes)) == ["node1", "node2", "node3"]
    assert "COMPLETED" in slurm("sacct", "-nPX", "-j", array, "-o", "State")


def test_failing_and_killed_jobs_are_told_and_mended_by_the_same_command(expected, tmp_path):
    line = (*LINE, "seed=0,1,2")
    launcher = start(*line, cwd=tmp_path)
    assert until(lambda: folder(tmp_path, 0), launcher)
    broken = folder(tmp_path, 0) / "checkpoint" / "000000000001"
    broken.mkdir(parents=True)  # no checkpoint of ours: the run refuses it
    assert until(lambda: learning(tmp_path, 1), launcher)
    kill(beat(tmp_path, 1)["pid"])
    assert ended(launcher, BOUND_S) == 1
    assert "1 of 3 runs completed" in said(tmp_path)
    assert re.search(
        r"failed +multirun/\S+-s0-.*: .*is corrupt or was not written by rlsuite", said(tmp_path)
    )
    assert re.search(r"missing +multirun/\S+-s1-.*: killed by signal 9", said(tmp_path))
    assert results(tmp_path) == expected(2)
    why = subprocess.run(
        [sys.executable, "-m", "rlsuite.status", "--why", folder(tmp_path, 1)],
        capture_output=True,
        text=True,
    )
    assert "killed by signal 9" in why.stdout, why.stderr
    broken.rmdir()
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 finished before" in done.stderr
    assert results(tmp_path) == expected(0, 1, 2)


def test_requeue_and_the_signal_of_a_time_limit_lead_to_the_same_results(expected, slurm, job_id, tmp_path):
    """``scontrol requeue`` kills; USR2, as before a time limit, makes the run save, requeue itself and go on."""
    launcher = start(*LINE, "seed=3,4", "checkpoint.every_s=1000", cwd=tmp_path)
    assert until(lambda: rollouts(tmp_path, 3) > 1, launcher)
    slurm("scancel", "--signal=USR2", job_id(folder(tmp_path, 3)))
    assert until(lambda: beat(tmp_path, 3).get("state") == "interrupted", launcher)
    assert list((folder(tmp_path, 3) / "checkpoint").glob("[0-9]*")), "it was asked to save first"
    assert until(lambda: rollouts(tmp_path, 4) > 1, launcher)
    slurm("scontrol", "requeue", job_id(folder(tmp_path, 4)))
    assert ended(launcher, BOUND_S) == 0, said(tmp_path)
    assert beat(tmp_path, 3)["restarts"] == 1
    assert results(tmp_path) == expected(3, 4)


def test_dead_node_costs_nothing_but_time(expected, slurm, job_id, tmp_path):
    """SLURM starts the jobs of a node that went down again elsewhere; they go on from their checkpoints."""
    launcher = start(*LINE, "seed=0,3", cwd=tmp_path)
    assert until(lambda: learning(tmp_path, 0), launcher)
    node = slurm("squeue", "-h", "-j", job_id(folder(tmp_path, 0)), "-o", "%N").strip()
    slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        assert ended(launcher, BOUND_S) == 0, said(tmp_path)
        assert beat(tmp_path, 0)["restarts"] == 1
    finally:
        slurm("scontrol", "update", f"nodename={node}", "state=resume")
    assert results(tmp_path) == expected(0, 3)


def test_preempted_job_goes_on_later(expected, slurm, job_id, tmp_path):
    """A job of a higher partition takes the node; SLURM signals and requeues the run."""
    launcher = start(
        *LINE, "seed=0,4", "hydra.launcher.partition=low", "hydra.launcher.cpus_per_task=8", cwd=tmp_path
    )
    assert until(lambda: learning(tmp_path, 0), launcher)
    node = slurm("squeue", "-h", "-j", job_id(folder(tmp_path, 0)), "-o", "%N").strip()
    slurm("sbatch", "-p", "gpu", "-w", node, "-c", "8", "-o", "/dev/null", "--wrap", "sleep 2")
    assert ended(launcher, BOUND_S) == 0, said(tmp_path)
    assert beat(tmp_path, 0)["restarts"] == 1
    assert results(tmp_path) == expected(0, 4)


def test_cancelled_jobs_running_or_pending_do_not_hang_the_launcher(expected, slurm, job_id, tmp_path):
    line = (*LINE, "seed=0,1,5")
    launcher = start(*line, "hydra.launcher.array_parallelism=1", cwd=tmp_path)
    assert until(lambda: learning(tmp_path, 0), launcher)
    slurm("scancel", job_id(folder(tmp_path, 1)))  # pending: the accounting keeps no record of it
    slurm("scancel", job_id(folder(tmp_path, 0)))  # running
    assert ended(launcher, BOUND_S) == 1
    assert re.search(r"missing +multirun/\S+-s1-.*cancelled", said(tmp_path))
    assert re.search(r"missing +multirun/\S+-s0-.*", said(tmp_path))
    assert results(tmp_path) == expected(5)
    assert command(*line, cwd=tmp_path).returncode == 0
    assert results(tmp_path) == expected(0, 1, 5)


def test_launcher_that_died_is_replaced_by_the_same_command(expected, tmp_path):
    line = (*LINE, "seed=1,2")
    launcher = start(*line, cwd=tmp_path)
    assert until(lambda: beat(tmp_path, 1), launcher)
    launcher.kill()
    launcher.join()
    with held(tmp_path, 1):  # else both may be done before the second launcher has looked
        second = start(*line, cwd=tmp_path)
        assert until(lambda: re.search(r"[12] running or queued already, 0 to do", said(tmp_path)), second)
    assert ended(second, BOUND_S) == 0, said(tmp_path)
    assert results(tmp_path) == expected(1, 2)


def test_more_jobs_than_an_array_may_have_share_one_budget(slurm, tmp_path):
    jobs, budget = MAX_ARRAY + 2, 3
    quick = [
        "env=cartpole",
        "algo=random",
        "total_steps=64",
        "evaluation.episodes=1",
        "evaluation.levels=[0]",
    ]
    line = (*quick, *LINE[-3:], f"seed=range({jobs})", f"hydra.launcher.array_parallelism={budget}")
    launcher = start(*line, cwd=tmp_path)
    most = 0
    while launcher.is_alive():
        most = max(most, len(slurm("squeue", "-h", "-r", "-t", "running", "-o", "%i").split()))
        time.sleep(0.2)
    assert launcher.exitcode == 0, said(tmp_path)
    arrays = re.search(r"submitted 9 jobs as (\d+), (\d+), at most 3", said(tmp_path))
    assert arrays
    assert f"{jobs} of {jobs} runs completed" in said(tmp_path)
    assert 1 <= most <= budget
    assert len(results(tmp_path)) == jobs


def test_what_slurm_refuses_is_one_line_and_no_traceback(tmp_path):
    done = command(*LINE, "seed=1,2", "hydra.launcher.partition=nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert "SLURM did not take it: sbatch: error: invalid partition specified: nowhere" in done.stderr
    assert "Traceback" not in done.stderr
