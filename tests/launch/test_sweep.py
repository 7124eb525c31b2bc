"""A sweep loses no run, whatever happens to its jobs, its launcher or its machine; the same command finishes it."""

import json
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from sweeps import SMALL, beat, command, ended, folder, harass, held, learning, results, start, until

from rlsuite.config.schema import CommandSettings, Hardware
from rlsuite.core import signals
from rlsuite.core.errors import UserError
from rlsuite.core.io import write_json
from rlsuite.launch import cli
from rlsuite.launch.backends.processes import Processes, death
from rlsuite.launch.jobs.entry_points import EntryPoint, Train
from rlsuite.launch.jobs.folder_job import FolderJob
from rlsuite.launch.jobs.job import Backend, ExitInfo, Job, JobOutcome
from rlsuite.launch.launchers import LauncherKind
from rlsuite.launch.sweep import run_jobs, sweep_summary
from rlsuite.runs.lease import LeaseLost

STEPS = "total_steps=4096"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    cwd = tmp_path_factory.mktemp("undisturbed")
    done = command(*SMALL, STEPS, "seed=range(3)", "hardware=pool", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 runs completed" in done.stdout
    assert len(results(cwd)) == 3
    return results(cwd)


def test_pool_basic_and_single_runs_give_the_same_results(undisturbed, tmp_path):
    done = command(*SMALL, STEPS, "seed=0,1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == {name: undisturbed[name] for name in results(tmp_path)}
    assert len(results(tmp_path)) == 2


def test_random_kills_of_runs_and_launcher_lose_nothing(undisturbed, tmp_path):
    line = (*SMALL, STEPS, "seed=range(3)", "hardware=pool", "hydra.launcher.n_jobs=2")
    typed = harass(line, tmp_path, 3, 4, random.Random(3))
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert typed >= 1
    assert results(tmp_path) == undisturbed


@pytest.mark.slow
def test_fifty_kills_over_twelve_runs_lose_nothing(tmp_path):
    for name in ("undisturbed", "killed"):
        (tmp_path / name).mkdir()
    line = (*SMALL, "total_steps=16384", "seed=range(12)", "hardware=pool", "hydra.launcher.n_jobs=2")
    assert command(*line, cwd=tmp_path / "undisturbed", timeout=1200).returncode == 0
    harass(line, tmp_path / "killed", 12, 50, random.Random(0))
    assert command(*line, cwd=tmp_path / "killed", timeout=1200).returncode == 0
    assert len(results(tmp_path / "killed")) == 12
    assert results(tmp_path / "killed") == results(tmp_path / "undisturbed")


@dataclass(frozen=True, kw_only=True)
class Way(CommandSettings):
    """How a job ends."""

    dry_run: bool = False
    hardware: Hardware | None = None
    way: str = "well"


class Plain(EntryPoint):
    """Jobs of these tests."""

    name = "plain"
    schema = Way

    def load(self):
        pass

    def run(self, settings, folder):
        return "completed"


def test_one_failing_one_killed_and_one_exiting_job_leave_the_others_alone(tmp_path):
    """Bodies that end in every way a job can end by itself, in processes as the pool makes them."""
    ways = {
        "well": lambda folder: write_json(folder / "result.json", {"status": "completed"}),
        "raises": lambda folder: 1 / 0,
        "exits": lambda folder: os._exit(3),
        "sys_exits": lambda folder: exit(3),
        "is_killed": lambda folder: os.kill(os.getpid(), signal.SIGKILL),
        "is_out_of_memory": lambda folder: bytearray(1 << 62),
        "also_well": lambda folder: write_json(folder / "result.json", {"status": "completed"}),
    }

    class Ending(Plain):
        def run(self, settings, folder):
            ways[settings.way](folder)
            return "completed"

    jobs = [Job(Ending(), Way(way=way), tmp_path / way) for way in ways]
    found: dict[Job, JobOutcome] = {}
    run_jobs(jobs, Processes(2), found)
    states = {outcome.job.folder.name: (outcome.state, outcome.reason) for outcome in found.values()}
    assert states["well"] == states["also_well"] == ("completed", "")
    assert states["raises"] == ("failed", "ZeroDivisionError: division by zero")
    assert "exit code 3" in states["exits"][1]
    assert "exit code 3" in states["sys_exits"][1]
    assert states["is_killed"] == ("missing", death(-9))
    assert states["is_out_of_memory"][1].startswith("MemoryError")
    text = sweep_summary(found.values())
    assert text.startswith("2 of 7 runs completed")
    assert "raises/plain.log" in text
    assert "Traceback" in (tmp_path / "raises" / "plain.log").read_text()


def test_job_runs_what_was_submitted_whatever_the_yaml_says_now(tmp_path):
    (tmp_path / "own" / "env").mkdir(parents=True)
    yaml = tmp_path / "own" / "env" / "mine.yaml"
    yaml.write_text("_target_: rlsuite.envs.cartpole.CartPole\nmax_steps: 7\n")
    from rlsuite.launch.plan import Command, make_plan
    from rlsuite.launch.sweep import _freeze

    line = [
        "env=mine",
        "algo=random",
        "total_steps=64",
        "evaluation.episodes=1",
        "evaluation.levels=[0]",
        "seed=1",
        f"hydra.sweep.dir={tmp_path}",
    ]
    (job,) = make_plan(Command(line, config_dir=tmp_path / "own", multirun=True)).jobs
    assert _freeze(job) is None
    yaml.write_text("_target_: rlsuite.envs.cartpole.CartPole\nmax_steps: 9\n")
    assert FolderJob(Train(), job.folder)._run() == "completed"
    assert json.loads((job.folder / "result.json").read_text())["config"]["env"]["max_steps"] == 7


def test_sigterm_saves_a_checkpoint_and_the_same_command_goes_on(undisturbed, tmp_path):
    line = (*SMALL, STEPS, "checkpoint.every_s=1000", "seed=1,2", "hardware=pool")
    launcher = start(*line, cwd=tmp_path)
    until(
        lambda: beat(tmp_path, 1).get("state") == "running" and beat(tmp_path, 2).get("state") == "running",
        launcher,
    )
    os.kill(launcher.pid, signal.SIGTERM)
    assert ended(launcher, 60) == 130
    stopped = [beat(tmp_path, seed) for seed in (1, 2)]
    assert [b["state"] for b in stopped] == ["interrupted", "interrupted"]
    assert all(list((folder(tmp_path, seed) / "checkpoint").glob("[0-9]*")) for seed in (1, 2))
    done = command(*line, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path) == {name: undisturbed[name] for name in results(tmp_path)}
    assert all(beat(tmp_path, seed)["restarts"] == 1 for seed in (1, 2))


def test_dry_run_tells_finished_resumable_failed_and_new_apart(tmp_path, monkeypatch):
    from rlsuite.launch.dry_run import forecast
    from rlsuite.launch.plan import Command, make_plan

    monkeypatch.chdir(tmp_path)
    line = ["env=cartpole", "algo=ppo,td_ntuple", "seed=range(4)", "total_steps=1000", "dry_run=true"]
    plan = make_plan(Command(line, multirun=True))
    assert len(plan.jobs) == 4
    assert any("in 4 of 8 jobs" in problem for problem in plan.problems)
    done, broken, cut, _ = plan.folders
    for run, state, step in ((done, "completed", 1000), (broken, "failed", 10), (cut, "running", 400)):
        write_json(
            run / "status.json", {"state": state, "step": step, "steps_per_s": 0.1, "total_steps": 1000}
        )
    write_json(done / "result.json", {"status": "completed"})
    (cut / "checkpoint" / "000000000400").mkdir(parents=True)
    text = forecast(plan)
    assert "4 jobs that can run: 1 finished, 1 failed, 1 resumable, 1 new" in text
    assert f"{cut}: continues at step 400" in text
    assert "7.22 hours" in text  # (1000 + 600 + 1000) steps at the median of 0.1 steps/s
    assert "invalid" in text
    assert not (tmp_path / "multirun" / "cartpole_td_ntuple").exists()


# --- one writer a folder ---


def test_a_run_of_another_launcher_is_waited_for(tmp_path):
    """The second command starts nothing that the first one runs, and ends with all results. The runs wait until it has looked."""
    line = (*SMALL, STEPS, "seed=1,2", "hardware=pool")
    first = start(*line, cwd=tmp_path)
    assert until(lambda: learning(tmp_path, 1) and learning(tmp_path, 2), first)
    log = tmp_path / "launcher.log"
    with held(tmp_path, 1, 2):
        second = start(*line, cwd=tmp_path)
        assert until(lambda: "2 running or queued already, 0 to do" in log.read_text(), second)
    assert ended(first, 300) == 0, log.read_text()
    assert ended(second, 300) == 0, log.read_text()
    assert len(results(tmp_path)) == 2


def test_interrupt_of_the_launcher_still_reports(tmp_path, capsys):
    class Stuck(Backend):
        def submit(self, jobs):
            pass

        def poll(self):
            raise KeyboardInterrupt

        def interrupt(self):
            return "all stopped"

    job = Job(Plain(), Way(), tmp_path / "a")
    outcomes: list[JobOutcome] = []
    with pytest.raises(KeyboardInterrupt):
        cli.launch([job], LauncherKind("stuck", lambda settings: Stuck()), {}, outcomes)
    assert cli._report(outcomes) == 1
    assert "0 of 1 runs completed" in capsys.readouterr().out


@pytest.fixture
def no_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGALRM)}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signals._received.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_far_from_a_boundary_stops_when_its_grace_is_over(no_signals):
    signals.listen({signal.SIGUSR2: 0.05})
    with pytest.raises(signals.Interrupted) as stop:
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(10)
    assert stop.value.number == signal.SIGUSR2


def test_refused_folder_is_that_jobs_failure_only(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("other: 1")

    class Nothing(Backend):
        def submit(self, jobs):
            assert [job.folder.name for job in jobs] == ["b"]
            self.jobs = jobs

        def poll(self):
            return {job: ExitInfo("gone") for job in self.jobs}

        def interrupt(self):
            return ""

    jobs = [Job(Plain(), Way(), Path(tmp_path / name)) for name in "ab"]
    found: dict[Job, JobOutcome] = {}
    run_jobs(jobs, Nothing(), found)
    assert [found[job].state for job in jobs] == ["failed", "missing"]
    assert isinstance(found[jobs[0]].reason, str)
    assert issubclass(LeaseLost, UserError)


def test_levels_invented_later_get_a_file_each_and_the_result_stays(tmp_path):
    small = [
        "env=cartpole",
        "algo=ppo",
        "algo.n_envs=4",
        "algo.n_steps=64",
        "total_steps=512",
        "evaluation.episodes=2",
    ]
    assert command(*small, "evaluation.levels=[0]", "seed=1,2", cwd=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in tmp_path.glob("multirun/*/*/result.json")}
    line = ("run=multirun/cartpole_ppo", "level=0,.25,1", "episodes=4", "hardware=pool")
    done = command(*line, cwd=tmp_path, module="evaluate")
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs completed" in done.stdout
    for run in before:
        found = [json.loads(path.read_text()) for path in run.parent.glob("evaluations/*.json")]
        assert sorted(e["settings"]["levels"][0] for e in found) == [0, 0.25, 1]
        assert all(
            len(e["played"][f"{e['settings']['levels'][0]:g}"]["learned"]["returns"]) == 4 for e in found
        )
    assert {path: path.read_bytes() for path in before} == before
    again = command(*line, cwd=tmp_path, module="evaluate")
    assert "6 of 6 runs completed (6 of them before)" in again.stdout
    refused = command("run=multirun/nothing", "level=0,1", cwd=tmp_path, module="evaluate")
    assert refused.returncode == 2
    assert "run=multirun/nothing: no run and no finished runs there" in refused.stderr
