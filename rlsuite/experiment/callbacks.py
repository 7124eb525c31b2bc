"""What happens beside learning: progress, checkpoints, episode metrics, evaluation. None of it changes learning."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Image
from tqdm import tqdm

from rlsuite.config.schema import Evaluation
from rlsuite.core import signals
from rlsuite.core.interfaces import Agent, Task, Tree
from rlsuite.experiment.rollouts import evaluation_seed, play_episodes
from rlsuite.runs.checkpoint import Checkpoints
from rlsuite.runs.logging import Status


class ProgressCallback(BaseCallback):
    """A progress bar with ETA and the recent return, and the heartbeat. Plain lines where there is no terminal.

    ``metric`` names an entry of ``info["metrics"]`` to show too, as the mean of the last 100 episodes.
    """

    def __init__(self, status: Status, title: str, metric: str | None = None) -> None:
        super().__init__()
        self.status, self.title, self.metric = status, title, metric
        self.recent: deque[float] = deque(maxlen=100)

    def _on_training_start(self) -> None:
        self.bar = tqdm(
            total=self.status.total_steps,
            initial=self.num_timesteps,
            desc=self.title,
            unit=" steps",
            unit_scale=True,
            mininterval=0.5 if sys.stderr.isatty() else 15,
            dynamic_ncols=True,
        )

    def _on_rollout_start(self) -> None:
        self.status.beat(self.model.num_timesteps)
        episodes = self.model.ep_info_buffer
        if episodes:
            shown = {"return": f"{np.mean([e['r'] for e in episodes]):.3g}"}
            if self.recent:
                shown[f"{self.metric}"] = f"{np.mean(self.recent):.4g}"
            self.bar.set_postfix(shown, refresh=False)
        self.bar.update(min(self.model.num_timesteps, self.bar.total) - self.bar.n)

    def _on_step(self) -> bool:
        for i in np.flatnonzero(self.locals["dones"]) if self.metric else ():
            self.recent.append(self.locals["infos"][i]["metrics"][self.metric])
        return True

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self.bar.close()


class CheckpointCallback(BaseCallback):
    """Saves the exact state at rollout boundaries, every ``every_s`` seconds and whenever the agent asks.

    A run that was asked to stop (``stopping``) is saved, then ended, at the next boundary.
    """

    def __init__(self, checkpoints: Checkpoints, snapshot: Callable[[], Tree], every_s: float) -> None:
        super().__init__()
        self.checkpoints, self.snapshot, self.every_s = checkpoints, snapshot, every_s

    def _on_training_start(self) -> None:
        self._last = time.monotonic()

    def _on_rollout_start(self) -> None:
        signals.check(self.save)
        if time.monotonic() - self._last >= self.every_s or self.model.checkpoint_due:
            self.save()

    def save(self) -> None:
        """Commit a checkpoint now."""
        self.checkpoints.save(self.snapshot(), self.model.num_timesteps)
        self._last = time.monotonic()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.save()


class EpisodeMetricsCallback(BaseCallback):
    """Logs the mean of each ``info["metrics"]`` entry of the episodes that ended, under ``episode/``."""

    def _on_step(self) -> bool:
        for i in np.flatnonzero(self.locals["dones"]):
            for key, value in self.locals["infos"][i].get("metrics", {}).items():
                self.logger.record_mean(f"episode/{key}", float(value))
        return True


class EvaluationCallback(BaseCallback):
    """Plays the greedy policy every ``settings.every`` steps; keeps the best model; may stop a run that gets no better.

    ``settings.patience`` counts evaluations without a new best; 0 never stops. What it has seen is part of the checkpoint.
    """

    def __init__(
        self,
        task: Task,
        folder: Path,
        *,
        settings: Evaluation,
        level: float,
        seed: int,
        total_steps: int,
    ) -> None:
        super().__init__()
        self.folder, self.episodes, self.seed = folder, settings.episodes, evaluation_seed(seed)
        self.every, self.patience, self.task = settings.every or total_steps, settings.patience, task
        n_envs = min(settings.n_envs, settings.episodes)
        self.env = task.evaluation_task().vec_env([level], n_envs, self.seed)
        self.best: float | None = None
        self.since_best, self.next_at, self.stopped = 0, self.every, False

    def get_state(self) -> Tree:
        """Return what was seen so far."""
        return {
            "best": self.best,
            "since_best": self.since_best,
            "next_at": self.next_at,
            "stopped": self.stopped,
        }

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.best, self.since_best = state["best"], state["since_best"]
        self.next_at, self.stopped = state["next_at"], state["stopped"]

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps >= self.next_at:
            self.next_at = self.model.num_timesteps - self.model.num_timesteps % self.every + self.every
            self.evaluate()
            log_pictures(self.model, self.task.pictures(self.model))  # those of the end: run.show

    def _on_training_end(self) -> None:
        self.evaluate()

    def evaluate(self) -> None:
        """Score the policy as it is; a new best is saved as ``best_model.zip``."""
        self.env.seed(self.seed)
        played = play_episodes(self.model, self.env, self.episodes, deterministic=True, seed=self.seed)
        score = float(np.mean(played["returns"]))
        self.logger.record("eval/return", score)
        if self.best is None or score > self.best:
            self.best, self.since_best = score, 0
            self.model.save(self.folder / "best_model.zip")
        else:
            self.since_best += 1
        self.stopped = bool(self.patience and self.since_best >= self.patience)

    def _on_step(self) -> bool:
        return not self.stopped


def log_pictures(agent: Agent, pictures: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Send pictures, (H, W, 3) uint8 arrays, to TensorBoard if the agent has a log, of what moves the end; return them."""
    for name, picture in pictures.items() if agent.writes_log else ():
        still = picture[-1] if picture.ndim == 4 else picture
        agent.logger.record(f"pictures/{name}", Image(still, "HWC"), exclude=("csv",))
    return pictures
