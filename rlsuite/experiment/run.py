"""A run, start to end: build, resume, learn, evaluate, write ``result.json``. The same call again is the resume."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from rlsuite import metrics
from rlsuite.config.instantiate import build, locate
from rlsuite.core.errors import Diverged, UserError
from rlsuite.core.hardware import use_hardware
from rlsuite.core.interfaces import Agent, Task, Tree
from rlsuite.core.io import write_text
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.experiment.callbacks.agreement import make_agreement
from rlsuite.experiment.callbacks.common import (
    Checkpointer,
    EpisodeMetrics,
    Evaluation,
    Progress,
    log_pictures,
)
from rlsuite.experiment.callbacks.diagnostics import make_diagnostics
from rlsuite.experiment.callbacks.weights_and_biases import tracked
from rlsuite.experiment.plots import attempt, draw_run, save_pictures, task_pictures
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.runs import best_models
from rlsuite.runs.checkpoint import Checkpoints
from rlsuite.runs.lease import LeaseLost, leased
from rlsuite.runs.logging import Status, log_hparams, make_logger
from rlsuite.runs.result import Result, git_commit, parameter_hash, versions
from rlsuite.runs.saved_config import freeze
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.chain import chain

log = logging.getLogger(__name__)


def run(cfg: DictConfig, folder: Path) -> Result:
    """Bring the experiment ``cfg`` in ``folder`` to its end, from wherever it stands.

    Raises:
        UserError: If the folder belongs to another experiment or cannot be used.
        LeaseLost: If another living process runs it.
    """
    finished = folder / "result.json"
    if finished.exists() and (result := Result.read(finished)).status == "completed":
        log.info("already finished: %s", finished)
        return result
    with ExitStack() as afterwards, leased(folder) as lease:
        freeze(cfg, folder)
        status = Status(folder, cfg.total_steps, lease)
        plain = OmegaConf.to_container(cfg, resolve=True)
        result = Result(
            folder.name,
            "running",
            plain["choices"],
            cfg.seed,
            plain,
            versions=versions(),
            git_commit=git_commit(),
            device=cfg.hardware.device,
        )
        mirrors = afterwards.enter_context(tracked(cfg, result, folder))  # ends when the result is written
        with recorded(result, status, folder):
            use_hardware(cfg.hardware.threads)
            task, agent = build_pair(cfg)
            learn(cfg, task, agent, folder, status, result, mirrors)
            judge(cfg, task, agent, result)
            show(task, agent, result, folder)
            if place := cfg.get("best_models"):
                attempt("best model", lambda: best_models.enter(result, folder, Path(place)))
    return result


def build_pair(cfg: DictConfig) -> tuple[Task, Agent]:
    """Build the task and the agent on it, after seeding every global stream."""
    seed_everything(cfg.seed)
    task = build(cfg.env, reward=build(cfg.reward))
    if hasattr(task, "to"):
        task.to(cfg.hardware.device)
    names = applied(cfg)
    if ignored := [name for name in cfg.technique if name not in names]:
        log.warning(
            "%s cannot apply %s: it trains with %s", cfg.choices.algo, "+".join(ignored), "+".join(names)
        )
    technique = chain(
        {name: build(cfg.technique[name]) if name in cfg.technique else Baseline() for name in names}
    )
    return task, build(cfg.algo, task=task, technique=technique, seed=cfg.seed, device=cfg.hardware.device)


def applied(cfg: DictConfig) -> list[str]:
    """Return the names of the techniques the algorithm applies; baseline where none of those asked for is left."""
    ignores: frozenset[str] = getattr(locate(cfg.algo._target_), "ignores", frozenset())
    return sorted(name for name in cfg.technique if name not in ignores) or ["baseline"]


def learn(
    cfg: DictConfig,
    task: Task,
    agent: Agent,
    folder: Path,
    status: Status,
    result: Result,
    mirrors: Sequence[BaseCallback],
) -> None:
    """Learn until ``total_steps``, resuming from the newest checkpoint; save the model."""
    checkpoints = Checkpoints(folder / "checkpoint", guard=status.lease.check)
    agent.keep_in(folder)
    saved = checkpoints.latest()
    if hasattr(agent, "set_logger"):
        agent.set_logger(make_logger(folder, saved["status"]["step"] if saved else 0))
    judge = cfg.evaluation
    evaluation = Evaluation(
        task,
        folder,
        level=agent_levels(agent)[0],
        episodes=judge.episodes,
        n_envs=judge.n_envs,
        seed=cfg.seed,
        every=judge.every or cfg.total_steps,
        patience=judge.patience,
    )

    agreement = make_agreement(cfg.agreement, task, agent, cfg.seed)
    diagnostics = make_diagnostics(cfg.diagnostics, task, agent, agent_levels(agent)[0], cfg.seed)
    named = {"evaluation": evaluation, "agreement": agreement, "diagnostics": diagnostics}
    watchers = {name: watcher for name, watcher in named.items() if watcher}

    def snapshot() -> Tree:
        counters = {
            "step": agent.num_timesteps,
            "restarts": status.restarts,
            "wall_time_s": status.elapsed_s,
            "exact": result.exact,
        }
        return {
            **{name: watcher.get_state() for name, watcher in watchers.items()},
            "agent": agent.get_state(),
            "status": counters,
            "versions": versions(),
            "device": str(agent.device),
            "rng": get_rng_state(),
        }

    if saved:
        restore(saved, agent, watchers, status, result)
    status.beat(agent.num_timesteps, force=True)
    remaining = cfg.total_steps - agent.num_timesteps
    if remaining > 0 and not evaluation.stopped:
        checkpointer = Checkpointer(checkpoints, snapshot, cfg.checkpoint.every_s)
        progress = Progress(status, folder.name, getattr(task, "progress_metric", None))
        callbacks = CallbackList([*watchers.values(), checkpointer, EpisodeMetrics(), progress, *mirrors])
        try:
            agent.learn(remaining, callback=callbacks, reset_num_timesteps=saved is None)
        finally:  # however it ends, the status and the result say how far it came
            result.steps = agent.num_timesteps
            result.gas = agreement.summary(cfg.total_steps) if agreement else {}
    elif agreement:  # killed between the last step and the result
        result.gas = agreement.summary(cfg.total_steps)
    agent.save(folder / "model.zip")
    result.steps, result.steps_per_s = agent.num_timesteps, round(status.speed(agent.num_timesteps), 1)
    result.parameter_hash = parameter_hash(agent.parameters_tree())


def restore(
    saved: Tree,
    agent: Agent,
    watchers: Mapping[str, Any],
    status: Status,
    result: Result,
) -> None:
    """Put everything back as the checkpoint says; the global random streams last."""
    agent.set_state(saved["agent"])
    for name, watcher in watchers.items():
        if saved.get(name):
            watcher.set_state(saved[name])
    counters = saved["status"]
    status.resume(counters["step"], counters["restarts"] + 1, counters["wall_time_s"])
    same = saved["versions"] == versions() and saved["device"] == str(agent.device) == "cpu"
    result.exact = counters["exact"] and same
    log.info(
        "resumed at step %d%s",
        counters["step"],
        "" if result.exact else " (other versions or device: not exact)",
    )
    set_rng_state(saved["rng"])


def judge(cfg: DictConfig, task: Task, agent: Agent, result: Result) -> None:
    """Evaluate on every level, greedy and sampled."""
    settings = cfg.evaluation
    result.technique_applied = applied(cfg)
    result.levels = [
        evaluate_level(agent, task, level, settings.episodes, settings.n_envs, cfg.seed)
        for level in settings.levels
    ]
    known = all("floor" in entry for entry in result.levels)
    bounds = [[e[key] for e in result.levels] if known else None for key in ("floor", "reference")]
    for mode in ("greedy", "sampled"):
        means = [sum(e[mode]["returns"]) / len(e[mode]["returns"]) for e in result.levels]
        result.grs[mode] = metrics.grs(list(settings.levels), means, *bounds)


def show(task: Task, agent: Agent, result: Result, folder: Path) -> None:
    """Draw what the task can of the agent, log the final scores and close the log."""
    attempt(
        "pictures of the task",
        lambda: save_pictures(log_pictures(agent, task_pictures(task, agent)), folder / "pictures"),
    )
    if hasattr(agent, "logger"):
        log_hparams(agent.logger, result)
        agent.logger.dump(agent.num_timesteps)
        agent.logger.close()


@contextmanager
def recorded(result: Result, status: Status, folder: Path) -> Iterator[None]:
    """Let every ending leave its trace: result.json and status.json, and error.txt where it failed."""
    try:
        (folder / "error.txt").unlink(missing_ok=True)
        yield
        result.status = "completed"
    except Diverged as error:
        result.status = "diverged"
        write_text(folder / "error.txt", f"{error}\n")
        log.error("diverged: %s; the last good checkpoint is kept", error)
    except LeaseLost:
        raise  # nothing may be written: the folder is another's
    except KeyboardInterrupt:
        status.beat(result.steps, "interrupted", force=True)
        raise
    except BaseException as error:
        result.status = "failed"
        _leave_trace(error, result, status, folder)
        raise
    finally:
        if result.status in ("completed", "diverged"):
            finish(result, status, folder)


def finish(result: Result, status: Status, folder: Path) -> None:
    """Draw the run, write its result, then the last heartbeat."""
    status.lease.check()
    result.restarts, result.wall_time_s = status.restarts, round(status.elapsed_s, 2)
    draw_run(result, folder)
    result.write(folder)
    status.beat(result.steps, result.status, force=True)


def _leave_trace(error: BaseException, result: Result, status: Status, folder: Path) -> None:
    try:
        status.lease.check()
        write_text(folder / "error.txt", traceback.format_exc())
        finish(result, status, folder)
    except UserError:  # the folder itself is what failed, or is another's by now: the first error says so
        log.debug("no trace of %r could be left in %s", error, folder)


def agent_levels(agent: Any) -> tuple[float, ...]:
    """Return the levels an agent trains on; level 0 for one that does not learn."""
    return getattr(getattr(agent, "technique", None), "levels", (0.0,))
