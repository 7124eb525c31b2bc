"""A trained policy beside its reference policies, on the same held-out episodes: table, intervals, picture, JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlsuite.algos.random import Random
from rlsuite.algos.reference.policy import Schedule
from rlsuite.config.run_id import evaluation_name
from rlsuite.config.schema import Evaluating, Hardware, Training
from rlsuite.core.errors import UserError
from rlsuite.core.hardware import use_hardware
from rlsuite.core.interfaces import Agent, Task, Use
from rlsuite.core.io import write_json
from rlsuite.core.terminal import ending_with_reader
from rlsuite.experiment.plots import save_pictures
from rlsuite.experiment.rollouts import evaluation_seed, play
from rlsuite.experiment.run import build_pair
from rlsuite.metrics import paired_interval
from rlsuite.runs.checkpoint import Checkpoints
from rlsuite.runs.result import git_commit, versions
from rlsuite.runs.saved_config import thaw
from rlsuite.techniques.baseline import Baseline

LEARNED_POLICY = "learned"


COLUMNS = {
    "psnr": ("PSNR dB", ".2f"),
    "flops_saved": ("FLOPs saved", ".1%"),
    "steps": ("steps", ".2f"),
    "clip_score": ("CLIP score", ".3f"),
    "recognised": ("recognised", ".1%"),
}
"""Episode metrics shown beside the return, where an env has them: head and format of the column."""


@dataclass(frozen=True)
class PolicyComparison:
    """Raw episode values of every policy on every level: ``played[level][policy]`` as ``rollouts.play`` returns them."""

    played: dict[float, dict[str, dict[str, list]]]

    def returns(self, level: float, policy: str) -> np.ndarray:
        """Return the episode returns (n,) of a policy."""
        return np.array(self.played[level][policy]["returns"])

    def best_constant(self, level: float) -> str | None:
        """Return the constant action that is best on these very episodes: an oracle choice, in the reference policy's favour."""
        constants = [name for name in self.played[level] if name.startswith("constant ")]
        return max(constants, key=lambda name: self.returns(level, name).mean(), default=None)

    def rows(self, level: float) -> list[dict[str, Any]]:
        """Return one row a policy: mean return, the paired gain of the learned policy over it, its image metrics."""
        rng, rows = np.random.default_rng(0), []
        best = self.best_constant(level)
        for name, played in self.played[level].items():
            gain = paired_interval(self.returns(level, LEARNED_POLICY) - self.returns(level, name), rng)
            row = {"policy": name + (" (best constant)" if name == best else ""), "n": len(played["returns"])}
            row |= {"return": float(np.mean(played["returns"])), "gain": gain}
            row |= {key: float(np.mean(played[key])) for key in COLUMNS if played.get(key)}
            rows.append(row)
        return sorted(rows, key=lambda row: -row["return"])


def evaluate_run(settings: Evaluating) -> PolicyComparison:
    """Compare the run ``settings.run`` with its reference policies; print the table, write JSON and picture beside the run."""
    run, task, agent = load_run(Path(settings.run), settings.hardware)
    levels, episodes, n_envs = settings.chosen_levels, settings.episodes, settings.n_envs
    use = Use(levels=tuple(levels), reward=run.reward.plain)
    if problems := list(task.problems(use, **run.env.arguments)):
        raise UserError(f"env={run.choices.env}: {'; '.join(problems)}")
    comparison = compare_policies(task, agent, levels, episodes, n_envs, seed=run.seed)
    name = evaluation_name(levels, episodes, n_envs)
    kept = {"levels": levels, "episodes": episodes, "n_envs": n_envs}
    path = write_comparison(comparison, Path(settings.run) / "evaluations" / f"{name}.json", kept)
    told = list(tell(comparison, task, agent))
    files = [path, *draw_episode(task, agent, path)]
    with ending_with_reader():  # all is written
        print(f"{settings.run}: {run.choices.algo} on {run.choices.env}, reward {run.choices.reward}")
        print(comparison_table(comparison), *told, sep="\n")
        print(f"written: {', '.join(map(str, files))}")
    return comparison


def tell(comparison: PolicyComparison, task: Task, agent: Agent) -> Iterator[str]:
    """Yield what the episodes are in the task's own terms, and one of them as text."""
    for level, policies in comparison.played.items():
        if summary := task.summary(policies):
            yield f"level {level:g}\n{summary}"
    if transcript := task.transcript(agent):
        yield transcript


def draw_episode(task: Task, agent: Agent, path: Path) -> list[Path]:
    """Write the task's pictures beside ``path``; return their files, and that of ``draw_quality`` if there is one."""
    pictures = {f"{path.stem}_{name}": picture for name, picture in task.pictures(agent).items()}
    drawn = [path.with_suffix(".png")] if path.with_suffix(".png").exists() else []
    return [*drawn, *save_pictures(pictures, path.parent)]


def load_run(folder: Path, hardware: Hardware | None = None) -> tuple[Training, Task, Agent]:
    """Rebuild task and agent of a finished run from its frozen config and newest checkpoint (no pickle is opened).

    On ``hardware`` if it is given, else on that of the run.

    Raises:
        UserError: If the folder holds no run, or none with a checkpoint.
    """
    settings = thaw(folder, Training)
    settings = replace(settings, hardware=hardware or settings.hardware)
    use_hardware(settings.hardware.threads)
    task, agent = build_pair(settings)
    saved = Checkpoints(folder / "checkpoint").latest()
    if saved:
        agent.set_state(saved["agent"])
    elif agent.parameters_tree() and not isinstance(agent, Schedule):
        raise UserError(f"{folder} has no checkpoint yet: run the command that made it until it has trained")
    return settings, task, agent


def reference_policies(task: Task) -> dict[str, Agent]:
    """Return the policies a learner must beat: random, and the schedules the task names."""
    technique = Baseline()
    found: dict[str, Agent] = {"random": Random(task=task, technique=technique, seed=0)}
    for name, actions in task.schedules().items():
        found[name] = Schedule(task=task, technique=technique, seed=0, actions=list(actions))
    return found


def compare_policies(
    task: Task, agent: Agent, levels: list[float], episodes: int, n_envs: int, seed: int
) -> PolicyComparison:
    """Play every policy greedily (random: as it is) on the same episodes of each level."""
    policies = {LEARNED_POLICY: agent, **reference_policies(task)}
    stream = evaluation_seed(seed) + 1  # apart from the evaluations a run makes of itself
    played: dict[float, dict[str, dict[str, list]]] = {}
    for level in levels:
        env = task.evaluation_task().vec_env([level], min(n_envs, episodes), stream)
        played[level] = {}
        for name, policy in policies.items():
            env.seed(stream)
            played[level][name] = play(policy, env, episodes, deterministic=True, seed=stream)
        env.close()
    return PolicyComparison(played)


def comparison_table(comparison: PolicyComparison) -> str:
    """Return the comparison as text, a block a level, best first."""
    lines = []
    for level in comparison.played:
        rows = comparison.rows(level)
        extra = [key for key in COLUMNS if key in rows[0]]
        lines.append(f"level {level:g}, n = {rows[0]['n']} paired episodes")
        lines.append(
            f"  {'policy':<32}{'return':>9}  {'learned minus it [95 %]':>26}"
            + "".join(f"{COLUMNS[k][0]:>13}" for k in extra)
        )
        for row in rows:
            mean, low, high = row["gain"]
            gain = "" if row["policy"] == LEARNED_POLICY else f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
            cells = "".join(f"{row[k]:>13{COLUMNS[k][1]}}" for k in extra)
            lines.append(f"  {row['policy']:<32}{row['return']:>9.4f}  {gain:>26}{cells}")
    return "\n".join(lines)


def write_comparison(comparison: PolicyComparison, path: Path, settings: Mapping[str, object]) -> Path:
    """Write ``<run>/evaluations/<hash>.json`` (and ``.png`` for images) atomically; result.json is never touched."""
    rows = {f"{level:g}": comparison.rows(level) for level in comparison.played}
    played = {f"{level:g}": policies for level, policies in comparison.played.items()}
    write_json(
        path,
        {
            "schema_version": 1,
            "settings": settings,
            "rows": rows,
            "played": played,
            "versions": versions(),
            "git_commit": git_commit(),
        },
    )
    if any("psnr" in row for row in next(iter(rows.values()))):
        draw_quality(comparison, path.with_suffix(".png"))
    return path


def draw_quality(comparison: PolicyComparison, path: Path) -> None:
    """Draw quality against FLOPs saved, a panel a level: constants as a line, the other policies as points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(comparison.played), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for i, (level, policies) in enumerate(comparison.played.items()):
        axes = figure.add_subplot(1, len(comparison.played), i + 1)
        points = {n: (100 * np.mean(p["flops_saved"]), np.mean(p["psnr"])) for n, p in policies.items()}
        line = np.array([p for n, p in points.items() if n.startswith("constant ") and n != "constant 0"])
        axes.plot(*line.T, "o-", color="0.6", markersize=3, label="constant ratios (0.1 to 1)")
        for name, marker in ((LEARNED_POLICY, "*"), ("fixed FastVAR", "s"), ("random", "^")):
            if name in points:
                axes.plot(*points[name], marker, markersize=13 if marker == "*" else 8, label=name)
        axes.set(
            xlabel="FLOPs saved (%)",
            ylabel="PSNR to the unpruned image (dB)",
            title=f"variation level {level:g}",
        )
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=130)
