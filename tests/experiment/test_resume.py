"""A run killed at any moment and started again ends with the same parameters as one never killed.

Whole and killed runs are forked processes; what the kills have left is ended here, with other string hashes, which must not
matter: neither to learning nor to what a checkpoint holds.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import warm

from rlsuite.config.schema import Pretraining
from rlsuite.config.settings import compose_settings
from rlsuite.experiment.pretraining import pretrain
from rlsuite.experiment.run import run
from rlsuite.runs.result import Result

GAME = ["env=game2048", "env.max_tile=128"]
CASES = {
    "cartpole_ppo": ["env=cartpole", "algo=ppo", "total_steps=12000"],
    "cartpole_ppo_fast": ["env=cartpole", "algo=ppo", "algo.fast=true", "total_steps=16000"],
    "cartpole_a2c": ["env=cartpole", "algo=a2c", "total_steps=12000"],
    "cartpole_dqn": [
        "env=cartpole",
        "algo=dqn",
        "total_steps=8000",
        "algo.buffer_size=3000",
        "algo.n_steps=3",
    ],
    "cartpole_es": ["env=cartpole", "algo=es", "technique=dr", "total_steps=80000"],
    "cartpole_qrdqn": [
        "env=cartpole",
        "algo=qrdqn",
        "technique=gar",
        "algo.n_envs=3",
        "algo.n_quantiles=20",
        "total_steps=7000",
        "algo.buffer_size=3000",
    ],
    "cartpole_ppo_recurrent": [
        "env=cartpole",
        "algo=ppo_recurrent",
        "algo.lstm.hidden_size=16",
        "algo.n_steps=64",
        "total_steps=2560",
    ],
    "cartpole_ars": ["env=cartpole", "algo=ars", "algo.n_envs=3", "technique=dr+reg", "total_steps=30000"],
    "cartpole_ppo_chain": [
        "env=cartpole",
        "algo=ppo",
        "algo.n_envs=9",
        "algo.n_steps=64",
        "technique=reg+gar+dropout",
        "total_steps=12000",
        "agreement.every=3000",
    ],
    "cartpole_grpo": [
        "env=cartpole",
        "env.max_steps=100",
        "algo=grpo",
        "technique=dr+reg",
        "algo.groups=3",
        "algo.kl_coef=0.01",
        "total_steps=60000",
    ],
    "cartpole_world_model": [
        "env=cartpole",
        "algo=world_model",
        "technique=reg",
        "total_steps=2000",
        "algo.n_envs=4",
        "algo.n_steps=50",
        "algo.model.warm_up=600",
        "algo.model.warm_up_updates=20",
        "algo.model.updates=3",
        "algo.model.replay=1000",
        "evaluation.every=800",
    ],
    "sprites_world_model": [
        "env=sprites",
        "env.observation=image",
        "algo=world_model",
        "total_steps=800",
        "algo.n_envs=4",
        "algo.n_steps=50",
        "algo.model.warm_up=200",
        "algo.model.warm_up_updates=5",
        "algo.model.updates=2",
        "algo.model.batch=4",
        "algo.planning.start_step=400",
        "algo.planning.horizon=2",
        "algo.vision.hidden=8",
        "evaluation.every=0",
        "evaluation.levels=[0]",
    ],
    "cartpole_world_model_dyna": [
        "env=cartpole",
        "algo=world_model_dyna",
        "total_steps=3000",
        "algo.imagination.batches=10",
        "algo.model.updates=30",
        "evaluation.every=1000",
    ],
    "var_grpo": [
        "env=var",
        "algo=grpo",
        "total_steps=800",
        "algo.groups=4",
        "algo.group_size=2",
        "algo.batch_size=20",
        "env.pool=64",
        "evaluation.every=400",
    ],
    "arpg_grpo": [
        "env=arpg",
        "algo=grpo",
        "env.action=count+positions",
        "env.lookahead=true",
        "total_steps=800",
        "algo.groups=2",
        "algo.group_size=2",
        "algo.batch_size=16",
        "algo.kl_coef=0.01",
        "evaluation.every=400",
        "evaluation.n_envs=2",
    ],
    "var_ppo": [
        "env=var",
        "algo=ppo",
        "total_steps=640",
        "algo.n_envs=8",
        "algo.n_steps=8",
        "algo.batch_size=32",
        "env.pool=64",
        "evaluation.every=320",
    ],
    "game2048_ppo": [
        *GAME,
        "algo=ppo",
        "total_steps=6000",
        "algo.n_envs=8",
        "algo.n_steps=25",
        "algo.batch_size=100",
    ],
    "game2048_a2c": [*GAME, "algo=a2c", "total_steps=10000", "algo.learning_rate=7e-4"],
    "game2048_dqn": [
        *GAME,
        "algo=dqn",
        "total_steps=1400",
        "algo.n_envs=4",
        "algo.buffer_size=1000",
        "algo.batch_size=32",
        "algo.learning_starts=100",
        "evaluation.every=700",
    ],
    "game2048_td_ntuple": [
        *GAME,
        "algo=td_ntuple",
        "total_steps=200000",
        "algo.n_envs=64",
        "algo.n_steps=50",
        "algo.patterns=[[0,1,2,3],[0,1,4,5]]",
        "evaluation.every=60000",
    ],
    "starpilot_ppo": [
        "env=starpilot",
        "algo=ppo",
        "technique=dr",
        "total_steps=1800",
        "algo.n_envs=6",
        "algo.n_steps=25",
        "algo.batch_size=75",
        "algo.n_epochs=1",
        "algo.network=nature",
        "evaluation.every=900",
        "evaluation.n_envs=2",
    ],
    "minigrid_dqn": [
        "env=minigrid",
        "algo=dqn",
        "total_steps=7000",
        "algo.buffer_size=2500",
        "algo.learning_starts=500",
        "env.max_steps=100",
    ],
    "gym_ppo": ["env=gym", "env.levels={1:{g:14}}", "algo=ppo", "total_steps=12000", "algo.n_steps=100"],
    "carracing_ppo": [
        "env=carracing",
        "env.judged=patch",
        "env.patience=60",
        "algo=ppo",
        "total_steps=800",
        "algo.n_envs=4",
        "algo.n_steps=40",
        "algo.n_epochs=1",
        "algo.normalize.reward=true",
        "evaluation.every=400",
        "evaluation.n_envs=2",
        "evaluation.levels=[0]",
    ],
    "sprites_ppo": ["env=sprites", "algo=ppo", "technique=dr", "total_steps=30000", "algo.n_envs=30"],
    "sprites_encoder_ppo": [
        "env=sprites",
        "env.observation=image",
        "algo=ppo",
        "algo.encoder=sprites_reward",
        "algo.encoder.share=false",
        "algo.encoder.rate=0.3",
        "algo.lr_schedule=linear",
        "total_steps=4800",
        "algo.n_envs=8",
        "algo.n_epochs=1",
        "algo.batch_size=80",
        "diagnostics.every=640",
        "diagnostics.n_envs=2",
        "diagnostics.steps=4",
    ],
    "sprites_image_ppo": [
        "env=sprites",
        "env.observation=image",
        "algo=ppo",
        "total_steps=4800",
        "algo.n_envs=8",
        "algo.n_epochs=1",
        "algo.batch_size=80",
        "evaluation.every=2400",
    ],
}
COMMON = [
    "evaluation.episodes=2",
    "evaluation.levels=[0,1]",
    "evaluation.every=4000",
    "checkpoint.every_s=0.1",
]


def running(process: BaseProcess, folder: Path) -> bool:
    """Tell whether this very process is learning, and something has been saved that it can be resumed from."""
    try:
        learning = json.loads((folder / "status.json").read_text())["pid"] == process.pid
    except OSError:
        return False
    return learning and any((folder / "checkpoint").glob("[0-9]*"))


def saved_at(folder: Path) -> int:
    """Return the step of the newest checkpoint, 0 without one."""
    return max(
        (int(path.name) for path in (folder / "checkpoint").glob("[0-9]*") if path.name.isdigit()), default=0
    )


def kill_at(process: BaseProcess, folder: Path, step: float, delay: float) -> bool:
    """Kill the run ``delay`` seconds after it has learnt and saved up to ``step``; False if it ended before.

    A step, not a time: the machine may be several times as fast as when the undisturbed run was made.
    """
    while process.is_alive() and not (running(process, folder) and saved_at(folder) >= step):
        time.sleep(0.02)
    time.sleep(delay)
    if not process.is_alive():
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return True


def finish(module: str, *arguments: str) -> None:
    """Run the command to its end."""
    ended = warm.run(module, *arguments)
    assert ended.returncode == 0, ended.stderr


def test_forks_have_other_string_hashes() -> None:
    """Else a resumed run could not show that it hangs on them."""
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        assert pool.apply(hash, ("a string",)) != hash("a string")


def deciding(result: Result) -> tuple:
    return (
        result.status,
        result.parameter_hash,
        result.levels,
        result.grs,
        result.gas,
        result.steps,
        result.exact,
    )


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_killed_runs_equal_those_never_killed(case: str, times: int, tmp_path: Path) -> None:
    settings, folder = [*COMMON, *CASES[case]], tmp_path / "killed"
    finish("train", *settings, f"hydra.run.dir={tmp_path / 'whole'}")
    whole = Result.read(tmp_path / "whole" / "result.json")
    line = (*settings, f"hydra.run.dir={folder}")
    rng, kills = random.Random(case), 0
    for step in sorted(rng.uniform(0, 0.8) * whole.steps for _ in range(times)):
        kills += kill_at(warm.start("train", *line), folder, step, rng.uniform(0, 0.1))
    run(compose_settings(settings), folder)
    killed = Result.read(folder / "result.json")
    assert kills >= max(1, times // 2)
    assert killed.restarts >= 1
    assert deciding(killed) == deciding(whole)
    histories = [(tmp_path / name / "history.csv").read_text() for name in ("whole", "killed")]
    assert histories[0] == histories[1]
    shutil.rmtree(tmp_path)


PRETRAINED = {
    "var": ("weights", "vae_weights", "classifier"),
    "arpg": ("weights", "vq_weights"),
    "sprites_encoder": ("encoder",),
    "vision": ("model",),
}
SHORT = {
    "var": [
        "classifier_steps=20",
        "tokenizer_steps=20",
        "transformer_steps=8",
        "batch_size=16",
        "quality_samples=20",
    ],
    "arpg": ["tokenizer_steps=20", "transformer_steps=8", "batch_size=16", "quality_samples=20"],
    "sprites_encoder": ["updates=[150,150]", "decoder=true", "batch_size=16", "quality_sequences=20"],
    "vision": ["updates=300", "steps=1000"],
}


@pytest.mark.parametrize("model", PRETRAINED)
def test_killed_pretraining_makes_the_same_weights(model: str, tmp_path: Path) -> None:
    play = ["env=cartpole"] if model == "vision" else []
    short = [f"model.{setting}" for setting in SHORT[model]]
    settings = [f"model={model}", *play, *short, "checkpoint.every_s=1"]
    folder = tmp_path / "killed"
    again = (*settings, f"hydra.run.dir={folder}")
    finish("pretrain", *settings, f"hydra.run.dir={tmp_path / 'whole'}")
    rng, last = random.Random(0), saved_at(tmp_path / "whole")
    kills = sum(
        kill_at(warm.start("pretrain", *again), folder, share * last, rng.uniform(0, 0.1))
        for share in (0.1, 0.5)
    )
    pretrain(compose_settings(settings, Pretraining), folder)
    assert kills >= 1
    for name in PRETRAINED[model]:
        whole, killed = (tmp_path / run / f"{name}.safetensors" for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """The first Ctrl-C ends a run at its next rollout boundary, long before a checkpoint is due."""
    short = [
        "env=cartpole",
        "algo=ppo",
        "total_steps=60000",
        "evaluation.levels=[0,1]",
        "evaluation.episodes=2",
    ]
    arguments = [*short, "checkpoint.every_s=600", f"hydra.run.dir={tmp_path}"]
    line = [sys.executable, "-m", "rlsuite.train", *arguments]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while process.poll() is None and not stepped(tmp_path):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "Ctrl-C again stops at once" in said and "the same command continues" in said
    assert 0 < saved_at(tmp_path) < 60000
    finish("train", *arguments)
    result = Result.read(tmp_path / "result.json")
    assert result.status == "completed" and result.restarts == 1


def stepped(folder: Path) -> bool:
    """Tell whether the run has told of a step."""
    try:
        return bool(json.loads((folder / "status.json").read_text())["step"])
    except OSError:
        return False
