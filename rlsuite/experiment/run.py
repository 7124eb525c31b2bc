"""A run, start to end: build, resume, learn, evaluate, write ``result.json``. The same call again is the resume."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from rlsuite import metrics
from rlsuite.config.instantiate import build, locate
from rlsuite.config.schema import Training
from rlsuite.config.settings import to_plain
from rlsuite.core.errors import Diverged, UserError
from rlsuite.core.hardware import use_hardware
from rlsuite.core.interfaces import Agent, Task, Tree
from rlsuite.core.io import write_text
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.experiment.agreement import make_agreement
from rlsuite.experiment.callbacks import (
    CheckpointCallback,
    EpisodeMetricsCallback,
    EvaluationCallback,
    ProgressCallback,
    log_pictures,
)
from rlsuite.experiment.diagnostics import make_diagnostics
from rlsuite.experiment.plots import attempt, draw_run, save_pictures
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.experiment.weights_and_biases import tracked
from rlsuite.runs import best_models
from rlsuite.runs.checkpoint import Checkpoints
from rlsuite.runs.lease import LeaseLost, leased
from rlsuite.runs.logging import Status, log_hparams, make_logger
from rlsuite.runs.result import Result, git_commit, parameter_hash, versions
from rlsuite.runs.saved_config import freeze
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.chain import chain

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """What is measured beside learning, and is part of the checkpoint."""

    def get_state(self) -> Tree:
        """Return what was seen so far."""

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""


def run(settings: Training, folder: Path) -> Result:
    """Bring an experiment in ``folder`` to its end, from wherever it stands.

    Raises:
        UserError: If the folder belongs to another experiment or cannot be used.
        LeaseLost: If another living process runs it.
    """
    finished = folder / "result.json"
    if finished.exists() and (result := Result.read(finished)).status == "completed":
        log.info("already finished: %s", finished)
        return result
    with ExitStack() as afterwards, leased(folder) as lease:
        freeze(settings, folder)
        status = Status(folder, settings.total_steps, lease)
        result = new_result(settings, folder)
        mirrors = afterwards.enter_context(
            tracked(settings, result, folder)
        )  # ends when the result is written
        with recorded(result, status, folder):
            use_hardware(settings.hardware.threads)
            task, agent = build_pair(settings)
            learn(settings, task, agent, folder, status, result, mirrors)
            evaluate(settings, task, agent, result)
            show(task, agent, result, folder)
            if settings.best_models:
                place = Path(settings.best_models)
                attempt("best model", lambda: best_models.enter(result, folder, place))
    return result


def new_result(settings: Training, folder: Path) -> Result:
    """Return the result of a run that has not begun."""
    return Result(
        folder.name,
        "running",
        asdict(settings.choices),
        settings.seed,
        to_plain(settings),
        versions=versions(),
        git_commit=git_commit(),
        device=settings.hardware.device,
    )


def build_pair(settings: Training) -> tuple[Task, Agent]:
    """Build the task and the agent on it, after seeding every global stream."""
    seed_everything(settings.seed)
    device = settings.hardware.device
    task: Task = build(settings.env, reward=build(settings.reward))
    task.to(device)
    names, asked = applied(settings), settings.technique
    if ignored := [name for name in asked if name not in names]:
        told = (settings.choices.algo, "+".join(ignored), "+".join(names))
        log.warning("%s cannot apply %s: it trains with %s", *told)
    technique = chain({name: build(asked[name]) if name in asked else Baseline() for name in names})
    return task, build(settings.algo, task=task, technique=technique, seed=settings.seed, device=device)


def applied(settings: Training) -> list[str]:
    """Return the names of the techniques the algorithm applies; baseline where none of those asked for is left."""
    algorithm = cast(type[Agent], locate(settings.algo.target))
    return sorted(name for name in settings.technique if name not in algorithm.ignores) or ["baseline"]


def learn(
    settings: Training,
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
    if agent.writes_log:
        agent.set_logger(make_logger(folder, saved["status"]["step"] if saved else 0))
    level, seed, total_steps = agent_levels(agent)[0], settings.seed, settings.total_steps
    evaluation = EvaluationCallback(
        task, folder, settings=settings.evaluation, level=level, seed=seed, total_steps=total_steps
    )
    agreement = make_agreement(settings.agreement, task, agent, seed)
    diagnostics = make_diagnostics(settings.diagnostics, task, agent, level, seed)
    named = {"evaluation": evaluation, "agreement": agreement, "diagnostics": diagnostics}
    watchers = {name: watcher for name, watcher in named.items() if watcher}
    if saved:
        restore(saved, agent, watchers, status, result)
    status.beat(agent.num_timesteps, force=True)
    remaining = total_steps - agent.num_timesteps
    if remaining > 0 and not evaluation.stopped:
        snapshot = partial(take_snapshot, agent, watchers, status, result)
        checkpointer = CheckpointCallback(checkpoints, snapshot, settings.checkpoint.every_s)
        progress = ProgressCallback(status, folder.name, task.progress_metric)
        callbacks = [*watchers.values(), checkpointer, EpisodeMetricsCallback(), progress, *mirrors]
        try:
            agent.learn(remaining, callback=CallbackList(callbacks), reset_num_timesteps=saved is None)
        finally:  # however it ends, the status and the result say how far it came
            result.steps = agent.num_timesteps
            result.gas = agreement.summary(total_steps) if agreement else {}
    elif agreement:  # killed between the last step and the result
        result.gas = agreement.summary(total_steps)
    agent.save(folder / "model.zip")
    result.steps, result.steps_per_s = agent.num_timesteps, round(status.speed(agent.num_timesteps), 1)
    result.parameter_hash = parameter_hash(agent.parameters_tree())


def take_snapshot(agent: Agent, watchers: Mapping[str, Watcher], status: Status, result: Result) -> Tree:
    """Return all that decides how a run continues, for a checkpoint."""
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


def restore(
    saved: Tree,
    agent: Agent,
    watchers: Mapping[str, Watcher],
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


def evaluate(settings: Training, task: Task, agent: Agent, result: Result) -> None:
    """Evaluate on every level, greedy and sampled."""
    evaluation = settings.evaluation
    result.technique_applied = applied(settings)
    result.levels = [
        evaluate_level(agent, task, level, evaluation.episodes, evaluation.n_envs, settings.seed)
        for level in evaluation.levels
    ]
    known = all("floor" in entry for entry in result.levels)
    bounds = [[e[key] for e in result.levels] if known else None for key in ("floor", "reference")]
    for mode in ("greedy", "sampled"):
        result.grs[mode] = metrics.grs(list(evaluation.levels), result.mean_returns(mode), *bounds)


def show(task: Task, agent: Agent, result: Result, folder: Path) -> None:
    """Draw what the task can of the agent, log the final scores and close the log."""
    attempt(
        "pictures of the task",
        lambda: save_pictures(log_pictures(agent, task.pictures(agent)), folder / "pictures"),
    )
    if agent.writes_log:
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
            _finish(result, status, folder)


def _finish(result: Result, status: Status, folder: Path) -> None:
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
        _finish(result, status, folder)
    except UserError:  # the folder itself is what failed, or is another's by now: the first error says so
        log.debug("no trace of %r could be left in %s", error, folder)


def agent_levels(agent: Agent) -> Sequence[float]:
    """Return the levels an agent trains on; level 0 for one that does not learn."""
    return agent.technique.levels if agent.technique else (0.0,)
