"""The front of quality against speed of a sweep over the weight of the savings: picture, and hypervolume with its interval.

    python -m rlsuite.train -m experiment=var_pareto
    python -m benchmarks.studies.var_pareto multirun/<the sweep's folder>

Points are a run's means on level 0: share of FLOPs saved, and quality in [0, 1] as its reward measures it. The hypervolume is
the area that the front dominates above (0, 0), computed for each seed (one run a weight); fixed FastVAR and constant schedules
of the same task stand beside it. The best a static schedule can give is in var_ladder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.record import ROOT, write
from rlsuite.algos.reference.policy import Schedule
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.experiment.rollouts import evaluation_seed, play_episodes
from rlsuite.metrics import hypervolume, mean_intervals, pareto_front
from rlsuite.runs.result import Result
from rlsuite.techniques.baseline import Baseline


def points(folder: Path) -> list[dict]:
    """One point a finished run on env=var."""
    found = []
    for path in sorted(folder.rglob("result.json")):
        run = Result.read(path)
        if run.status != "completed" or run.choices["env"] != "var":
            continue
        played = next(level for level in run.levels if level["level"] == 0)["greedy"]
        found.append(
            {
                "speed_weight": run.config["reward"]["speed_weight"],
                "seed": run.seed,
                "flops_saved": float(np.mean(played["flops_saved"])),
                "quality": float(np.mean(played["quality"])),
                "psnr": float(np.mean(played["psnr"])),
                "steps": run.steps,
            }
        )
    return found


def reference_policies(seed: int, episodes: int) -> dict[str, dict[str, float]]:
    """The fixed schedules on the evaluation images of one seed."""
    cfg = compose(["env=var", "reward=multi", "env.action=categorical", "env.decide_from=6"])
    task, stream = build(cfg.env, reward=build(cfg.reward)), evaluation_seed(seed)
    found = {}
    for name, actions in task.schedules().items():
        policy = Schedule(task=task, technique=Baseline(), seed=0, actions=actions)
        played = play_episodes(
            policy, task.vec_env([0.0], 32, stream), episodes, deterministic=True, seed=stream
        )
        found[name] = {key: float(np.mean(played[key])) for key in ("flops_saved", "quality", "psnr")}
    return found


def areas(rows: list[dict]) -> dict:
    """Hypervolume of each seed's front, and their mean with a bootstrap interval over seeds."""
    seeds = sorted({row["seed"] for row in rows})
    each = [
        hypervolume(np.array([(r["flops_saved"], r["quality"]) for r in rows if r["seed"] == s]), (0, 0))
        for s in seeds
    ]
    mean, low, high = mean_intervals(np.array(each)[:, None], np.random.default_rng(0))[:, 0]
    return {
        "seeds": len(seeds),
        "mean": float(mean),
        "low": float(low),
        "high": float(high),
        "each": each,
    }


def draw(rows: list[dict], fixed: dict[str, dict[str, float]], path: Path) -> None:
    """Draw all runs, the front through their means at each weight, and the reference policies."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for row in rows:
        axes.plot(100 * row["flops_saved"], row["quality"], ".", color="C0", alpha=0.4)
    weights = sorted({row["speed_weight"] for row in rows})
    means = np.array(
        [
            np.mean([(r["flops_saved"], r["quality"]) for r in rows if r["speed_weight"] == w], axis=0)
            for w in weights
        ]
    )
    for weight, mean in zip(weights, means, strict=True):
        axes.annotate(f"{weight:g}", (100 * mean[0], mean[1]), textcoords="offset points", xytext=(5, 4))
    best = means[pareto_front(means)]
    best = best[np.argsort(best[:, 0])]
    axes.plot(
        100 * best[:, 0], best[:, 1], "o-", color="C0", label="PPO, by weight of the savings (mean of seeds)"
    )
    line = np.array([(p["flops_saved"], p["quality"]) for n, p in fixed.items() if n.startswith("constant")])
    axes.plot(100 * line[:, 0], line[:, 1], "s--", color="0.6", markersize=4, label="constant ratios")
    axes.plot(
        100 * fixed["fixed FastVAR"]["flops_saved"],
        fixed["fixed FastVAR"]["quality"],
        "^",
        color="C3",
        markersize=9,
        label="fixed FastVAR",
    )
    axes.set(xlabel="FLOPs saved (%)", ylabel="quality (1: as unpruned)", title="env=var, level 0")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "results" / "var_pareto.png")
    parser.add_argument("--episodes", type=int, default=256, help="of each reference policy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = points(args.folder)
    if not rows:
        raise SystemExit(f"{args.folder} holds no finished runs on env=var")
    fixed = reference_policies(0, args.episodes)
    draw(rows, fixed, args.picture)
    constants = [(p["flops_saved"], p["quality"]) for p in fixed.values()]
    write(
        "var_pareto",
        {
            "hypervolume": areas(rows),
            "hypervolume_of_the_yardsticks": hypervolume(np.array(constants), (0, 0)),
            "runs": rows,
            "reference policies": fixed,
        },
    )


if __name__ == "__main__":
    main()
