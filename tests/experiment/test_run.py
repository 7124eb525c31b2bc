"""A run leaves the right traces whatever happens: finished, repeated, diverged, failed, hindered by its folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlsuite.config.settings import compose_settings
from rlsuite.core.errors import UserError
from rlsuite.experiment.run import run
from rlsuite.runs.result import Result

SMALL = [
    "total_steps=512",
    "algo.n_envs=8",
    "algo.n_steps=32",
    "evaluation.episodes=2",
    "evaluation.levels=[0,1]",
]


def config(*overrides: str):
    return compose_settings([*SMALL, *overrides])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "finished"
    run(config(), folder)
    return folder


def test_folder_holds_what_the_readme_says(finished: Path) -> None:
    names = {p.name for p in finished.iterdir()}
    wanted = {
        "config.yaml",
        "status.json",
        "checkpoint",
        "tb",
        "history.csv",
        "model.zip",
        "best_model.zip",
        "result.json",
    }
    assert wanted <= names
    assert json.loads((finished / "status.json").read_text())["state"] == "completed"


def test_result_is_complete_and_readable(finished: Path) -> None:
    result = Result.read(finished / "result.json")
    assert result.status == "completed"
    assert result.choices["algo"] == "ppo"
    assert result.steps == 512
    assert [entry["level"] for entry in result.levels] == [0.0, 1.0]
    assert len(result.levels[0]["greedy"]["returns"]) == 2
    assert len(result.parameter_hash) == 64
    assert result.exact


def test_tensorboard_has_scalars_and_hparams(finished: Path) -> None:
    events = EventAccumulator(str(finished / "tb")).Reload()
    assert "train/loss" in events.Tags()["scalars"]
    assert "eval/return" in events.Tags()["scalars"]
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_same_seed_same_result_other_seed_another(finished: Path, tmp_path: Path) -> None:
    first = Result.read(finished / "result.json")
    again, other = run(config(), tmp_path / "again"), run(config("seed=1"), tmp_path / "other")
    assert again.parameter_hash == first.parameter_hash
    assert again.levels == first.levels
    assert other.parameter_hash != first.parameter_hash


def test_threads_and_checkpoint_cadence_never_change_the_result(finished: Path, tmp_path: Path) -> None:
    other = run(config("checkpoint.every_s=0", "evaluation.every=128"), tmp_path / "r")
    assert other.parameter_hash == Result.read(finished / "result.json").parameter_hash


def test_a_finished_run_is_not_run_again(finished: Path) -> None:
    before = (finished / "result.json").stat().st_mtime_ns
    assert run(config(), finished).status == "completed"
    assert (finished / "result.json").stat().st_mtime_ns == before


def test_a_folder_with_another_experiment_is_refused_naming_the_keys(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((finished / "config.yaml").read_text())
    with pytest.raises(
        UserError, match=r"another experiment; it differs in algo.learning_rate \(0.001 there, 0.002 now\)"
    ):
        run(config("algo.learning_rate=0.002"), tmp_path)


def test_the_frozen_config_is_resolved(finished: Path) -> None:
    text = (finished / "config.yaml").read_text()
    assert "${" not in text
    assert OmegaConf.create(text).choices.env == "cartpole"


def test_divergence_ends_the_run_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    cfg = config("algo.learning_rate=1e30", "checkpoint.every_s=0")
    result = run(cfg, tmp_path)
    assert result.status == "diverged"
    assert 0 < result.steps < 512
    assert Result.read(tmp_path / "result.json").status == "diverged"
    assert "norm is" in (tmp_path / "error.txt").read_text()
    assert list((tmp_path / "checkpoint").iterdir())


def test_a_failed_run_says_why_and_is_retried(tmp_path: Path, monkeypatch) -> None:
    def broken(*args, **kwargs):
        raise RuntimeError("the env broke")

    with monkeypatch.context() as patch:
        patch.setattr("rlsuite.envs.cartpole.CartPoleVecEnv._advance", broken)
        with pytest.raises(RuntimeError):
            run(config(), tmp_path)
    assert Result.read(tmp_path / "result.json").status == "failed"
    assert "the env broke" in (tmp_path / "error.txt").read_text()
    assert run(config(), tmp_path).status == "completed"
    assert not (tmp_path / "error.txt").exists()


def test_early_stopping_and_learning_rate_schedule(tmp_path: Path) -> None:
    cfg = config(
        "total_steps=4096",
        "evaluation.every=256",
        "evaluation.patience=2",
        "algo.learning_rate=1e-9",
        "algo.lr_schedule=linear",
    )
    result = run(cfg, tmp_path)
    assert result.status == "completed"
    assert result.steps < 4096


@pytest.mark.parametrize("algo", ["random", "constant"])
def test_yardsticks_run_like_learners(algo: str, tmp_path: Path) -> None:
    cfg = compose_settings([f"algo={algo}", "evaluation.episodes=2", "total_steps=10"])
    assert run(cfg, tmp_path).status == "completed"


def test_corrupt_checkpoint_is_one_message_and_nothing_is_lost(finished: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    (folder / "result.json").unlink()
    newest = sorted((folder / "checkpoint").iterdir())[-1]
    (newest / "arrays.safetensors").write_bytes(b"\x80\x04not a safetensors file")
    command = [sys.executable, "-m", "rlsuite.train", *SMALL, f"hydra.run.dir={folder}"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert f"the checkpoint {newest} is corrupt or was not written by rlsuite" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (folder / "model.zip").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_while_writing_is_one_message(tmp_path: Path, monkeypatch) -> None:
    from rlsuite.core import io

    def full(self, mode="r", *args, **kwargs):
        return (
            os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")
            if "w" in mode
            else original(self, mode, *args, **kwargs)
        )

    original = Path.open
    (tmp_path / "result.json").write_text("what was there")
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"cannot write .*result\.json: No space left on device"):
        io.write_text(tmp_path / "result.json", "x" * 100_000)
    monkeypatch.undo()
    assert (tmp_path / "result.json").read_text() == "what was there"
