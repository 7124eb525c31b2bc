"""``rlsuite.launch.status_table``: what it says of runs in every state, and that it answers without torch."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rlsuite.core.io import write_json
from rlsuite.launch import status_table
from rlsuite.runs import lease
from rlsuite.runs.run_status import run_status


@pytest.fixture
def tree(tmp_path):
    """A folder of runs, one in each state."""

    def run(name, beat=None, result=None, **files):
        folder = tmp_path / "sweep" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("seed: 1\n")
        if beat:
            write_json(
                folder / "status.json",
                {
                    "total_steps": 1000,
                    "steps_per_s": 50.0,
                    "eta_s": 8.0,
                    "node": "n7",
                    "restarts": 2,
                    "updated": time.time(),
                    **beat,
                },
            )
        if result:
            write_json(folder / "result.json", {"status": result})
        for file, text in files.items():
            (folder / file.replace("_", ".")).write_text(text)
        return folder

    run("done", {"state": "completed", "step": 1000}, "completed")
    run("broken", {"state": "failed", "step": 10}, "failed", error_txt="Traceback ...\nValueError: no\n")
    run("dead", {"state": "running", "step": 500})
    (tmp_path / "sweep" / "dead" / "checkpoint" / "000000000500").mkdir(parents=True)
    write_json(run("live", {"state": "running", "step": 600}) / lease.LEASE_FILE, lease.identity())
    silent = run("silent", {"state": "running", "step": 600, "updated": time.time() - 1000})
    write_json(silent / lease.LEASE_FILE, lease.identity())
    run("waiting", job_json=json.dumps({"cluster": "slurm", "id": "7_1", "log": "x.err"}))
    run("fresh")
    return tmp_path / "sweep"


def test_state_of_every_run(tree):
    states = {folder.name: run_status(folder).state for folder in tree.iterdir()}
    assert states == {
        "done": "completed",
        "broken": "failed",
        "dead": "killed",
        "live": "running",
        "silent": "stale",
        "waiting": "queued",
        "fresh": "new",
    }
    assert run_status(tree / "dead").resumable
    assert not run_status(tree / "done").resumable


def test_table_shows_progress_speed_eta_node_and_restarts(tree, capsys):
    with pytest.raises(SystemExit) as end:
        status_table.main([str(tree)])
    assert end.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    (live,) = [line for line in lines if line.endswith("sweep/live")]
    assert live.split()[:8] == ["running", "600", "60%", "50", "8s", "0s", "ago", "2"]
    assert "n7" in live
    (broken,) = [line for line in lines if "sweep/broken" in line]
    assert broken.endswith("ValueError: no")
    assert lines[-1].startswith("7 runs: 1 ")


def test_why_gives_the_traceback_or_the_kind_of_death(tree):
    assert "ValueError: no" in status_table.why(tree / "broken")
    dead = status_table.why(tree / "dead")
    assert "killed from outside" in dead
    assert "continues from there" in dead
    assert "completed" in status_table.why(tree / "done")


@pytest.mark.parametrize("option", [[], ["--why"]])
def test_a_folder_that_is_not_there_is_said(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        status_table.main([*option, str(tmp_path / "nowhere")])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith("nowhere: no such folder\n")


def test_why_of_a_folder_of_runs_names_the_command_that_lists_them(tree, capsys):
    with pytest.raises(SystemExit) as end:
        status_table.main(["--why", str(tree)])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f"no run; rlsuite-status {tree} lists those below it\n")


def test_ctrl_c_ends_watching_quietly(tree):
    command = [sys.executable, "-m", "rlsuite.status", "--watch", "9", str(tree)]
    watch = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert watch.stdout.readline().startswith("state")
    watch.send_signal(signal.SIGINT)
    assert watch.communicate()[1] == ""
    assert watch.returncode == 130


def test_watch_ends_when_nothing_runs(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        status_table.main([str(tmp_path), "--watch", "0.1"])
    assert end.value.code == 0
    assert "no runs here" in capsys.readouterr().out


def test_it_answers_without_torch(tree):
    script = (
        "import sys, atexit, rlsuite.launch.status_table\n"
        "atexit.register(lambda: print('LOADED', [m for m in ('torch', 'numpy', 'hydra', 'pandas') if m in sys.modules]))\n"
        f"rlsuite.launch.status_table.main([{str(tree)!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "LOADED []" in done.stdout, done.stderr


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (90, "1.5min"), (7200, "2.0h"), (172800, "2.0d")])
def test_durations(seconds, text):
    assert status_table.duration(seconds) == text


def test_dead_process_number_counts_as_killed(tree):
    owner = lease.identity() | {"pid": 2**22 + os.getpid()}
    write_json(tree / "live" / lease.LEASE_FILE, owner)
    assert run_status(tree / "live").state == "killed"
