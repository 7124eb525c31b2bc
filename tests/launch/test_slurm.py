"""What SLURM says, in words; how jobs are cut into arrays; when a job has left the queue. No SLURM needed."""

import pytest

from rlsuite.launch.backends import slurm


@pytest.mark.parametrize(
    ("n_jobs", "most", "budget"),
    [(1, 1001, 256), (9, 7, 3), (10, 3, 2), (2500, 1001, 256), (7, 2, 1), (0, 5, 3)],
)
def test_chunks_hold_every_job_once_and_never_exceed_the_budget(n_jobs, most, budget):
    parts = slurm.chunks(n_jobs, most, budget)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(n_jobs))
    assert all(0 < part.stop - part.start <= most for part in parts)
    assert all(part.share >= 1 for part in parts), "0 would mean no limit"
    envs = [part for part in parts if part.after is None]
    assert sum(part.share for part in envs) <= budget
    for i, part in enumerate(parts):
        if part.after is not None:
            assert part.after < i
            assert part.share == parts[part.after].share, "it takes the place of the one it waits for"


def test_whole_budget_is_used_where_there_are_jobs_enough():
    assert [part.share for part in slurm.chunks(2500, 1001, 256)] == [86, 85, 85]


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ("TIMEOUT", "0:0", "it reached its time limit"),
        ("OUT_OF_MEMORY", "0:125", "it ran out of memory"),
        ("CANCELLED by 0", "0:15", "it was cancelled"),
        ("NODE_FAIL", "0:0", "its node failed"),
        ("FAILED", "0:9", "killed by signal 9 (by hand, or out of memory)"),
        ("FAILED", "9:0", "killed by signal 9 (by hand, or out of memory)"),
        ("FAILED", "3:0", "exit code 3"),
        ("SPECIAL_EXIT", "1:0", "SLURM says SPECIAL_EXIT"),
    ],
)
def test_verdicts_in_words(state, code, words):
    assert slurm.explain(state, code, "node1").startswith(words)
    assert "on node1" in slurm.explain(state, code, "node1")


@pytest.fixture
def answers(monkeypatch):
    """Let squeue and sacct answer with these texts; None: no answer."""
    said = {"squeue": "", "sacct": "", "scontrol": ""}
    monkeypatch.setattr(slurm, "ask", lambda program, *_: said[program])
    monkeypatch.setattr(slurm, "POLL_S", (0.0, 0.0))
    return said


def test_job_is_gone_when_two_looks_do_not_find_it(answers):
    watch = slurm.Watch()
    answers["squeue"] = "7_0|RUNNING|None\n7_1|PENDING|Resources\n"
    assert watch.gone({"7_0", "7_1"}) == set()
    answers["squeue"] = "7_1|PENDING|Resources\n"
    assert watch.gone({"7_0", "7_1"}) == set(), "it may be on its way back into the queue"
    assert watch.gone({"7_0", "7_1"}) == {"7_0"}
    answers["squeue"] = "7_0|RUNNING|None\n"
    assert watch.gone({"7_0"}) == set()


def test_suspended_jobs_are_waited_for_and_hopeless_ones_are_not(answers):
    answers["squeue"] = (
        "7_0|SUSPENDED|None\n7_1|PENDING|launch failed requeued held\n7_2|PENDING|JobHeldUser\n"
    )
    assert slurm.Watch().gone({"7_0", "7_1", "7_2"}) == {"7_1"}
    assert "scontrol release 7_1" in slurm.endings({"7_1"}, patience_s=0.1)["7_1"]


def test_controller_out_of_reach_ends_no_job_until_it_was_silent_for_long(answers, monkeypatch):
    watch = slurm.Watch()
    answers["squeue"] = None
    assert watch.gone({"7_0"}) == set()
    monkeypatch.setattr(slurm, "SILENT_S", -1.0)
    assert watch.gone({"7_0"}) == {"7_0"}


def test_endings_with_and_without_a_record(answers):
    answers["sacct"] = "7_0|FAILED|1:0|node2\n"
    found = slurm.endings({"7_0", "7_1"}, patience_s=0.1)
    assert found["7_0"].startswith("exit code 1 on node2")
    assert found["7_1"] == "SLURM has no record of it: cancelled before it started"
    answers["sacct"] = None
    assert "sacct does not answer" in slurm.endings({"7_1"})["7_1"]


def test_array_size_of_the_site(answers):
    answers["scontrol"] = "MaxArraySize            = 1001\n"
    assert slurm.max_array_size() == 1001
    answers["scontrol"] = None
    assert slurm.max_array_size() == 1001
