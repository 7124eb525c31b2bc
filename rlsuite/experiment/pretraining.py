"""Training a model that runs build on: progress, pictures, exact resume, weights and quality numbers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from stable_baselines3.common.logger import Image, Logger
from tqdm import tqdm

from rlsuite.config.instantiate import build
from rlsuite.config.schema import Pretraining
from rlsuite.core import signals
from rlsuite.core.hardware import use_hardware
from rlsuite.core.interfaces import ModelPretraining, Quality, Task
from rlsuite.core.io import write_json
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import Checkpoints
from rlsuite.runs.lease import leased
from rlsuite.runs.logging import Status, make_logger
from rlsuite.runs.result import git_commit, versions
from rlsuite.runs.saved_config import freeze

LOG_EVERY = 20  # updates


def pretrain(settings: Pretraining, folder: Path) -> None:
    """Bring a pre-training in ``folder`` to its end, from wherever it stands."""
    if (folder / "result.json").exists():
        print(f"already finished: {folder}")
        return
    with leased(folder) as lease:
        freeze(settings, folder)
        use_hardware(settings.hardware.threads)
        seed_everything(settings.seed)
        model: ModelPretraining = build(settings.model, seed=settings.seed, **played(settings))
        status = Status(folder, model.total_steps, lease)
        _train(model, folder, status, settings.checkpoint.every_s)
        quality = _finish(settings, folder, model, status)
    print("\n".join(f"  {key}: {value}" for key, value in quality.items()))


def played(settings: Pretraining) -> dict[str, Task]:
    """Return the task of a model that learns from play, by the name it is passed under; nothing for the others."""
    if settings.env is None:
        return {}
    reward = build(settings.reward) if settings.reward else EnvReward()
    return {"task": build(settings.env, reward=reward)}


def _finish(settings: Pretraining, folder: Path, model: ModelPretraining, status: Status) -> Quality:
    """Write the model and its result; return its quality numbers."""
    quality = model.finish(folder)
    write_json(
        folder / "result.json",
        {
            "schema_version": 1,
            "kind": "pretraining",
            "status": "completed",
            "choices": settings.choices,
            "seed": settings.seed,
            "steps": model.total_steps,
            "quality": quality,
            "wall_time_s": round(status.elapsed_s, 2),
            "restarts": status.restarts,
            "versions": versions(),
            "git_commit": git_commit(),
        },
    )
    status.beat(model.total_steps, "completed", force=True)
    return quality


def _train(model: ModelPretraining, folder: Path, status: Status, every_s: float) -> None:
    """Take all updates that are left, with a checkpoint every ``every_s`` seconds and at the end."""
    checkpoints = Checkpoints(folder / "checkpoint", guard=status.lease.check)
    saved, step = checkpoints.latest(), 0
    if saved:
        model.set_state(saved["model"])
        step = saved["status"]["step"]
        status.resume(step, saved["status"]["restarts"] + 1, saved["status"]["wall_time_s"])
        set_rng_state(saved["rng"])
    logger, last = make_logger(folder, step), time.monotonic()
    bar = tqdm(
        total=model.total_steps,
        initial=step,
        desc=folder.name,
        unit=" updates",
        mininterval=0.5 if sys.stderr.isatty() else 15,
    )
    while step < model.total_steps:
        step += 1
        for key, value in model.update().items():
            logger.record_mean(key, value)
        bar.update()
        status.beat(step)
        if step % LOG_EVERY == 0:
            logger.dump(step)
        if time.monotonic() - last >= every_s or step == model.total_steps or signals.asked():
            counters = {"step": step, "restarts": status.restarts, "wall_time_s": status.elapsed_s}
            checkpoints.save({"model": model.get_state(), "status": counters, "rng": get_rng_state()}, step)
            last = time.monotonic()
            _log_pictures(model, logger, step)
            signals.check()
    bar.close()
    logger.close()


def _log_pictures(model: ModelPretraining, logger: Logger, step: int) -> None:
    """Send the model's pictures to TensorBoard: (H, W) or (H, W, 3) uint8."""
    for name, picture in model.pictures().items():
        logger.record(
            f"pictures/{name}", Image(picture, "HW" if picture.ndim == 2 else "HWC"), exclude=("csv",)
        )
    logger.dump(step)
