"""Whole commands: what is refused, with which words and exit code; what runs."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from rlsuite.config.schema import CommandSettings, Hardware
from rlsuite.core.errors import ConfigError, UserError
from rlsuite.launch import cli, plan
from rlsuite.launch.jobs.entry_points import EntryPoint


@dataclass(frozen=True)
class Nothing(CommandSettings):
    """A config of no settings."""

    dry_run: bool = False
    hardware: Hardware | None = None


class Failing(EntryPoint):
    """Whose jobs all end in an error."""

    name = "fail"
    schema = Nothing

    def __init__(self, error):
        self.error = error

    def load(self):
        pass

    def run(self, settings, folder):
        raise self.error


SMALL = ["env=cartpole", "algo=random", "total_steps=64", "evaluation.episodes=1", "evaluation.levels=[0]"]


def problems(*overrides, multirun=False, config_dir=None):
    command = plan.Command(overrides, multirun=multirun, config_dir=config_dir)
    try:
        plan.make_plan(command)
    except ConfigError as error:
        return error.problems
    return []


def python(*arguments, cwd):
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


def command(*arguments, cwd):
    return python("-m", "rlsuite.train", *arguments, cwd=cwd)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env=cartpol", "env=cartpol: no such choice; did you mean cartpole?"),
        ("experiment=nope", "experiment=nope: no such choice"),
        ("env.n_env=3", "env.n_env: no such setting; did you mean algo.n_envs"),
        ("algo.n_stps=3", "algo.n_stps: no such setting; did you mean algo.n_steps?"),
        ("sed=3", "sed: no such setting; did you mean seed?"),
        ("tecnique=baseline", "tecnique: no such setting; did you mean technique?"),
        ("hydra.run.dri=x", "hydra.run.dri: no such setting; did you mean hydra.run.dir?"),
        ("+seed=3", "+seed=3: seed is there already; drop the +"),
        ("+algo.size=3", "algo.size: PPO has no such setting"),
        ("+more=3", "more: a config has no such setting"),
        ("total_steps=-1", "total_steps=-1: must be a whole number > 0"),
        ("total_steps=many", "total_steps=many: must be a whole number > 0"),
        ("total_steps=1e5", "total_steps=100000.0: must be a whole number > 0; write 100000"),
        ("seed=???", "seed: needs a value"),
        ("algo.learning_rate=-1", "algo.learning_rate=-1: must be"),
        ("evaluation.levels=[0,1.5]", "evaluation.levels[1]=1.5: must be a number >= 0 and <= 1"),
        ("evaluation=null", "evaluation=null: must be a group of settings"),
        ("algo={a:", "algo={a:: cannot be read as key=value"),
        ("total_steps", "total_steps: cannot be read as key=value"),
        ("algo=[ppo,dqn]", "algo=[ppo,dqn]: one choice at a time; to run several, -m algo=a,b"),
        ("~algo", "~algo: every run needs a choice of algo"),
        ("seed=1,2", "seed=1,2: several values are a sweep; add -m"),
        (
            "hardware=slurm",
            "hardware=slurm: jobs are handed over by a sweep only; type python -m rlsuite.train -m",
        ),
        ("hardware.device=tpu", "hardware.device=tpu: must be one of cpu, cuda"),
        ("algo._target_=os.system", "algo._target_: os.system belongs to os"),
    ],
)
def test_each_mistake_is_one_message(override, message):
    (problem,) = problems("env=cartpole", "algo=ppo", override)
    assert problem.startswith(message)


def test_missing_gpu_is_said_before_anything_is_built(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (problem,) = problems("env=cartpole", "hardware=gpu")
    assert problem.startswith("hardware.device=cuda: this machine has no CUDA device")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not problems("env=cartpole", "hardware=gpu")


def test_slurm_needs_a_sweep_and_a_cluster(monkeypatch):
    found = {"sbatch": None}
    monkeypatch.setattr(plan.shutil, "which", found.get)
    (single,) = problems("env=cartpole", "hardware=slurm", "evaluation.levels=[0]")
    assert single.endswith(
        "type python -m rlsuite.train -m env=cartpole hardware=slurm 'evaluation.levels=[0]'"
    )
    (alone,) = problems("env=cartpole", "hardware=slurm", "seed=1,2", multirun=True)
    assert alone.startswith("hardware=slurm: this machine has no sbatch")
    found["sbatch"] = "/usr/bin/sbatch"
    gpu = ("env=cartpole", "hardware=slurm", "hardware.device=cuda", "seed=1,2")
    (unasked,) = problems(*gpu, multirun=True)
    assert unasked.endswith("add hydra.launcher.gpus_per_node=1")
    assert not problems(*gpu, "hydra.launcher.gpus_per_node=1", multirun=True)


def test_all_mistakes_of_a_command_come_at_once():
    found = problems(
        "env=cartpol", "algo=zzz", "total_steps=-1", "env.max_stps=3", "hydra.run.dri=x", "seed="
    )
    assert [problem.split(":")[0] for problem in found] == [
        "env=cartpol",
        "algo=zzz",
        "env.max_stps",
        "hydra.run.dri",
        "seed=",
        "total_steps=-1",
    ]


def test_every_job_of_a_sweep_is_checked_first():
    found = problems("env=cartpole", "algo=random,dqm", "seed=1,-2,3", "hardware.threads=1,2", multirun=True)
    assert any(p.startswith("algo=dqm: no such choice; did you mean dqn? (in 6 of 12 jobs: ") for p in found)
    assert any(p.startswith("seed=-2: must be a whole number") for p in found)
    assert any(p.startswith("hardware.threads=1,2: a sweep runs on one hardware") for p in found)
    assert any(
        p.startswith("several jobs of the sweep are the same run, multirun/cartpole_random/") for p in found
    )


def test_axes_of_an_experiment_are_checked_too(tmp_path):
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults: [{override /env: cartpole}]\n"
    text += "hydra: {mode: MULTIRUN, sweeper: {params: {seed: 'range(0,3)', algo: 'ppo,a2c,dqnn'}}}"
    (tmp_path / "experiment" / "table.yaml").write_text(text)
    (problem,) = problems("experiment=table", config_dir=tmp_path)
    assert problem.startswith("algo=dqnn: no such choice; did you mean dqn? (in 3 of 9 jobs")
    made = plan.make_plan(plan.Command(["experiment=table", "algo=random"], config_dir=tmp_path))
    assert made.multirun
    assert [folder.parent for folder in made.folders] == [Path("multirun/table")] * 3


def test_broken_yaml_of_the_user_is_named(tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "mine.yaml").write_text("a: 1\n b: [2")
    (problem,) = problems("env=mine", config_dir=tmp_path)
    assert "mine.yaml" in problem
    assert "line 2" in problem


def test_wrong_command_ends_with_2_without_traceback(tmp_path):
    done = command("env=cartpol", "total_steps=-1", cwd=tmp_path)
    assert done.returncode == 2
    assert "2 problems, nothing was started" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_run_goes_exactly_where_told_and_its_repetition_is_free(tmp_path):
    done = command(*SMALL, "hydra.run.dir=here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "here" / "result.json").read_text())["status"] == "completed"
    assert (tmp_path / "here" / "train.log").exists()
    assert not (tmp_path / "outputs").exists()


def test_sweep_runs_every_job_and_reports_the_failed_one(tmp_path):
    blocked = plan_folder(*SMALL, "seed=2")
    (tmp_path / blocked.parent).mkdir(parents=True)
    (tmp_path / blocked).mkdir()
    (tmp_path / blocked / "config.yaml").write_text("other: 1")
    done = command("-m", *SMALL, "seed=1,2,3", cwd=tmp_path)
    assert done.returncode == 1
    assert "2 of 3 runs completed" in done.stdout
    assert str(blocked) in done.stderr
    assert "Traceback" not in done.stderr


def plan_folder(*overrides):
    return plan.make_plan(plan.Command(overrides, multirun=True)).folders[0]


def test_folder_that_cannot_be_written_is_one_message(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        cli._make_folder(tmp_path / "file" / "run")
    assert end.value.code == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("error", [UserError("no generator here"), OSError(28, "No space left on device")])
def test_failing_run_ends_with_1_and_its_message(error, tmp_path, monkeypatch, capsys):
    fake = OmegaConf.create({"runtime": {"output_dir": str(tmp_path)}})
    monkeypatch.setattr(HydraConfig, "get", staticmethod(lambda: fake))
    with pytest.raises(SystemExit) as end:
        cli.run_single(Failing(error), OmegaConf.create({}))
    assert end.value.code == 1
    assert str(error) in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch, tmp_path):
    fake = OmegaConf.create({"runtime": {"output_dir": str(tmp_path)}})
    monkeypatch.setattr(HydraConfig, "get", staticmethod(lambda: fake))
    with pytest.raises(ZeroDivisionError):
        cli.run_single(Failing(ZeroDivisionError()), OmegaConf.create({}))


def test_help_loads_nothing_heavy_and_names_the_groups(tmp_path):
    script = (
        "import sys; sys.argv = ['rlsuite-train', '--help']\n"
        "import atexit, rlsuite.train\n"
        "heavy = ('torch', 'stable_baselines3', 'gymnasium', 'gym', 'pandas', 'numpy', 'matplotlib', 'sklearn')\n"
        "atexit.register(lambda: print('LOADED', [name for name in heavy if name in sys.modules]))\n"
        "rlsuite.train.main()\n"
    )
    done = python("-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "LOADED []" in done.stdout
    assert re.search(r"^algo:\n  a2c +A2C ", done.stdout, re.M)
    assert "rlsuite-train -m" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("env=c", "env=cartpole env=coinrun"),
        ("algo.le", "algo.learning_rate="),
        ("env=sprites env.obs", "env.observation="),
    ],
)
def test_tab_completes_choices_and_settings(typed, offered, tmp_path, monkeypatch):
    monkeypatch.setenv("COMP_LINE", f"rlsuite-train {typed}")
    monkeypatch.setenv("COMP_POINT", str(len(f"rlsuite-train {typed}")))
    done = python("-m", "rlsuite.train", "-sc", "query=bash", cwd=tmp_path)
    assert set(offered.split()) <= set(done.stdout.split())


def unread(*arguments, cwd):
    """Run a module as in `... | true`: nobody reads what it prints."""
    ends, starts = os.pipe()
    os.close(ends)
    with os.fdopen(starts, "wb") as out:
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=cwd, stdout=out, stderr=subprocess.PIPE, text=True
        )


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGPIPE")
@pytest.mark.parametrize(
    "line",
    [
        "train --help",
        "train --cfg job",
        "train --info",
        "train dry_run=true",
        "status",
        "status --help",
        "analysis --help",
        "analysis out=out",
    ],
)
def test_a_reader_that_leaves_early_sees_no_traceback(line, tmp_path):
    done = unread(*f"rlsuite.{line}".split(), cwd=tmp_path)
    assert done.stderr == ""
    assert done.returncode == -signal.SIGPIPE


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGPIPE")
def test_an_evaluation_that_nobody_reads_is_written(tmp_path):
    assert command(*SMALL, f"hydra.run.dir={tmp_path / 'run'}", cwd=tmp_path).returncode == 0
    done = unread("rlsuite.evaluate", f"run={tmp_path / 'run'}", "level=0", "episodes=1", cwd=tmp_path)
    assert "roken pipe" not in done.stderr
    assert done.returncode == -signal.SIGPIPE
    (written,) = (tmp_path / "run" / "evaluations").glob("*.json")
    assert json.loads(written.read_text())["played"]
