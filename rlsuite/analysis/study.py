"""Everything one analysis found, gathered once, for the texts, the figures and the report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsuite.analysis.agreement_correlation import Correlation, correlate_predictors
from rlsuite.analysis.counted_runs import Run
from rlsuite.analysis.records import Problem
from rlsuite.analysis.scores import Cell, EvaluatedEnv, build_cells, order
from rlsuite.analysis.technique_comparison import (
    OverallScores,
    TechniqueComparison,
    compare_techniques,
    overall_scores,
)
from rlsuite.core.names import canonical


@dataclass
class Study:
    """The tables of a report; ``command`` is what made it."""

    command: str
    mode: str
    runs: list[Run]
    problems: list[Problem]
    envs: list[EvaluatedEnv]
    cells: list[Cell]
    comparisons: list[TechniqueComparison]
    overall: list[OverallScores]
    predictions: list[Correlation]

    @property
    def counted(self) -> list[Run]:
        """The runs that are part of the statistics."""
        return [run for run in self.runs if not run.left_out]

    def left_out(self) -> dict[str, list[Run]]:
        """Return the runs that do not count, by the kind of reason."""
        found = defaultdict(list)
        for run in self.runs:
            if run.left_out:
                found[run.left_out.split(": ")[0]].append(run)
        return dict(sorted(found.items()))

    def failures(self) -> list[tuple[str, list[Run]]]:
        """Return runs that failed, diverged or never ended, by class of error, the commonest first."""
        found = defaultdict(list)
        for run in self.runs:
            if run.record["status"] != "completed":
                error = run.record.get("error") or "no error.txt"
                kind = error.split(":")[0] if run.record["status"] != "unfinished" else "no result"
                found[f"{run.record['status']}: {kind}"].append(run)
        return sorted(found.items(), key=lambda item: -len(item[1]))

    def best(self) -> list[Run]:
        """Return the run with the highest return on the training level of each env and algorithm."""
        found: dict[tuple[str, str], Run] = {}
        for run in self.counted:
            key = (run.env, run.algo)
            if key not in found or run.scores["train"] > found[key].scores["train"]:
                found[key] = run
        return [found[key] for key in sorted(found)]

    def compute(self) -> list[dict[str, Any]]:
        """Return what was spent, a row an env and algorithm: runs, steps, hours, steps/s, restarts, devices."""
        groups = defaultdict(list)
        for run in self.runs:
            if "steps" in run.record:
                groups[run.record["env"], run.record["algo"]].append(run.record)
        rows = []
        for (env, algo), records in sorted(groups.items(), key=lambda item: str(item[0])):
            speeds = [record["steps_per_s"] for record in records if record["steps_per_s"] > 0]
            rows.append(
                {
                    "env": env,
                    "algo": algo,
                    "runs": len(records),
                    "steps": sum(r["steps"] for r in records),
                    "hours": sum(r["wall_time_s"] for r in records) / 3600,
                    "steps_per_s": float(np.median(speeds)) if speeds else 0.0,
                    "restarts": sum(r["restarts"] for r in records),
                    "devices": sorted({r["device"] for r in records}),
                }
            )
        return rows

    def matrix(self, env: EvaluatedEnv) -> tuple[list[str], list[str], dict[tuple[str, str], Cell]]:
        """Return the techniques (rows), algos (columns) and cells of an env; all techniques of the study are rows."""
        own = {(cell.technique, cell.algo): cell for cell in self.cells if cell.env == env.name}
        techniques = sorted(
            {cell.technique for cell in self.cells if " [" not in cell.technique} | {m for m, _ in own},
            key=order,
        )
        return techniques, sorted({algo for _, algo in own}), own

    def replaced(self, env: str, algo: str, technique: str) -> str:
        """Return what runs of a hole's cell ran as instead, if the algorithm does not apply the technique."""
        for run in self.runs:
            if run.cell == (env, algo, technique) and run.left_out.startswith("ran as another"):
                return f"ran as {canonical(run.record['applied'])}"
        return ""

    def fill(self, env: str, algo: str, technique: str) -> str:
        """Return the command that fills a hole of the matrix, with the settings and seeds of its neighbours."""
        near = [c for c in self.cells if c.env == env and c.algo == algo] or [
            c for c in self.cells if c.env == env
        ]
        return train_command([run for cell in near for run in cell.runs], technique=technique)


def train_command(runs: Sequence[Run], technique: str | None = None) -> str:
    """Return the sweep that makes runs like these: groups, seeds and steps; of one experiment, its name."""
    records = [run.record for run in runs]
    if technique is None and (named := {r["experiment"] for r in records}) and None not in named:
        return "python -m rlsuite.train -m experiment=" + ",".join(sorted(named))
    groups = [
        ("env", [r["env"] for r in records]),
        ("algo", [r["algo"] for r in records]),
        ("technique", [technique] if technique else [r["technique"] for r in records]),
        ("reward", [r["reward"] for r in records]),
    ]
    words = [f"{name}={','.join(sorted(set(map(str, values))))}" for name, values in groups]
    seeds = sorted({r["seed"] for r in records})
    whole = seeds == list(range(len(seeds))) and len(seeds) > 1
    words.append(f"'seed=range({len(seeds)})'" if whole else f"seed={','.join(map(str, seeds))}")
    for name, key in (("total_steps", "total_steps"), ("algo.n_envs", "n_envs")):
        values = Counter(r[key] for r in records if r[key] is not None).most_common()
        if len(values) == 1:  # where runs differ in it, one command cannot say it
            words.append(f"{name}={values[0][0]}")
    return "python -m rlsuite.train -m " + " ".join(words)


def gather(
    runs: list[Run], problems: list[Problem], command: str, mode: str, rng: np.random.Generator
) -> Study:
    """Compute everything there is to say about the runs."""
    envs, cells = build_cells(runs, rng, mode)
    return Study(
        command,
        mode,
        runs,
        problems,
        envs,
        cells,
        compare_techniques(cells, envs, rng),
        overall_scores(cells, envs, rng),
        correlate_predictors(cells, rng),
    )
