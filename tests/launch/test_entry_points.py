"""The commands as objects, and the launchers by name."""

import pickle

import pytest

from rlsuite.config.schema import Evaluating
from rlsuite.config.settings import to_settings
from rlsuite.core.io import write_json
from rlsuite.launch.jobs.entry_points import Evaluate, Pretrain, Train
from rlsuite.launch.jobs.folder_job import FolderJob
from rlsuite.launch.launchers import LAUNCHERS

EVALUATION = {
    "run": "nowhere",
    "level": None,
    "levels": [0.0],
    "episodes": 1,
    "n_envs": 1,
    "dry_run": False,
    "hardware": {"device": "cpu", "threads": 1},
}


@pytest.mark.parametrize("entry", [Train(), Evaluate(), Pretrain()])
def test_a_job_survives_pickling(entry, tmp_path):
    job = FolderJob(entry, tmp_path)
    assert pickle.loads(pickle.dumps(job)) == job


def test_an_evaluation_is_done_when_its_file_lies_beside_its_folder(tmp_path):
    folder = tmp_path / "evaluations" / "abc"
    assert not Evaluate().completed(folder)
    write_json(folder.with_name("abc.json"), {"rows": {}})
    assert Evaluate().completed(folder)
    assert Evaluate().status(folder).state == "completed"


def test_a_training_is_done_when_its_result_says_so(tmp_path):
    for status, done in (("diverged", False), ("completed", True)):
        write_json(tmp_path / "result.json", {"status": status})
        assert Train().completed(tmp_path) is done


def test_a_sweep_over_runs_finds_the_finished_ones_and_names_a_missing_one(tmp_path):
    write_json(tmp_path / "a" / "result.json", {"status": "completed"})
    write_json(tmp_path / "b" / "result.json", {"status": "failed"})
    assert Evaluate().sweep_overrides([f"run={tmp_path}", "level=0,1"]) == [
        f"run={tmp_path / 'a'}",
        "level=0,1",
    ]
    assert Train().sweep_overrides(["run=x"]) == ["run=x"]
    assert list(Evaluate().problems(to_settings(EVALUATION, Evaluating))) == [
        "run=nowhere: no run and no finished runs there"
    ]


def test_only_the_basic_launcher_runs_without_a_sweep_and_only_slurm_needs_sbatch():
    assert [name for name, kind in LAUNCHERS.items() if kind.is_single_run] == ["basic"]
    assert [name for name, kind in LAUNCHERS.items() if kind.needs_sbatch] == ["submitit_slurm"]
