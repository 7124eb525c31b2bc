"""What an encoder is worth on Sprites: every baseline of experiment=sprites_curves, with 0, 1 and 2 distractors.

A run is one seed of `python -m rlsuite.train tuned=sprites_<agent>`, in a process of its own; its row goes to
results/sprites_rl.json as soon as it is done, and a second call makes only what is missing there (a run that was cut off
goes on from its checkpoint in `--folder`). Returns are greedy, of 400 held-out episodes of 40 steps; `by_count` are those
of the same policy with more distractors, from which its GRS comes.

    python -m benchmarks.studies.sprites_rl                                             # all of it
    python -m benchmarks.studies.sprites_rl --agents oracle reward_frozen --seeds 0 1   # a piece

Asked for (greedy mean over 5 seeds): oracle >= 37.8 with any count within 0.8M steps; reward_frozen >= 37.0, 37.0 and
36.0 with 0, 1 and 2 distractors within 1M; reward_finetuned - scratch >= 4 after 0.2M without distractors.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.sprites_runs import Row, Table, fill, interval
from rlsuite.metrics import paired_interval

AGENTS = (
    "oracle",
    "reward_frozen",
    "reward_finetuned",
    "scratch",
    "image_frozen",
    "image_finetuned",
    "cnn",
    "recurrent",
)
LIMITS = {"oracle": (37.8, 37.8, 37.8), "reward_frozen": (37.0, 37.0, 36.0)}
GAIN = 4.0


def of(rows: list[Row], agent: str, count: int) -> dict[int, Row]:
    """Return an agent's rows by seed."""
    return {row["seed"]: row for row in rows if (row["agent"], row["distractors"]) == (agent, count)}


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return mean and 95 % interval of every cell, and whether what was asked for is held."""
    cells, held = {}, {}
    for agent in AGENTS:
        for count in range(3):
            if runs := of(rows, agent, count):
                cells[f"{agent}_v{count}"] = {
                    "n": len(runs),
                    "steps": runs[min(runs)]["steps"],
                    "greedy": interval(r["greedy"] for r in runs.values()),
                    "sampled": interval(r["sampled"] for r in runs.values()),
                    "retention": interval(r["grs"]["retention"] for r in runs.values()),
                    "score_auc": interval(r["grs"]["score_auc"] for r in runs.values()),
                    "cpu_s": round(float(np.mean([r["cpu_s"] for r in runs.values()])), 1),
                }
                if agent in LIMITS:
                    held[f"{agent}_v{count}"] = (
                        cells[f"{agent}_v{count}"]["greedy"][0] >= LIMITS[agent][count]
                    )
    tuned, scratch = of(rows, "reward_finetuned", 0), of(rows, "scratch", 0)
    if both := sorted(set(tuned) & set(scratch)):
        gains = np.array([tuned[seed]["greedy"] - scratch[seed]["greedy"] for seed in both])
        found = paired_interval(gains, np.random.default_rng(0)) if len(both) > 1 else (gains[0],)
        cells["finetuned_minus_scratch_v0"] = {"n": len(both), "greedy": [round(float(v), 3) for v in found]}
        held["finetuned_minus_scratch_v0"] = bool(gains.mean() >= GAIN)
    return {"limits": {**LIMITS, "finetuned_minus_scratch_v0": GAIN}, "held": held, "cells": cells}


def draw(rows: list[Row], path: Path) -> None:
    """Draw training return against steps, a panel a number of distractors, mean and range over seeds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for count, axes in enumerate(figure.subplots(1, 3, sharey=True)):
        for i, agent in enumerate(AGENTS):
            runs = list(of(rows, agent, count).values())
            if not runs:
                continue
            curves = np.array([row["curve"] for row in runs], dtype=float)
            steps = (np.arange(curves.shape[1]) + 0.5) / curves.shape[1] * runs[0]["steps"]
            axes.plot(
                steps, curves.mean(axis=0), color=f"C{i}", label=f"{agent.replace('_', ', ')} (n={len(runs)})"
            )
            axes.fill_between(
                steps, curves.min(axis=0), curves.max(axis=0), color=f"C{i}", alpha=0.15, linewidth=0
            )
        axes.axhline(31.2, color="0.6", linestyle=":", linewidth=1)
        axes.set(xscale="log", xlabel="environment steps", title=f"{count} distractor{'s' * (count != 1)}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    figure.axes[0].set_ylabel("return of training episodes (dotted: stay in the centre)")
    figure.savefig(path, dpi=110)


def markdown(rows: list[Row]) -> str:
    """Return the cells as a table: a baseline a row, greedy return by number of distractors, GRS of the policy trained on none."""
    cells = summary(rows)["cells"]
    lines = [
        "| baseline | steps | 0 distractors | 1 | 2 | trained on 0: return with 0 / 1 / 2 | GRS, as it was (retention) | GRS, normalised | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for agent in AGENTS:
        found = [cells.get(f"{agent}_v{count}") for count in range(3)]
        if first := next(filter(None, found), None):
            runs = of(rows, agent, 0).values()
            by_count = (
                [np.mean([r["greedy_by_level"][level] for r in runs]) for level in ("0", "0.5", "1")]
                if runs
                else []
            )
            shown = [told(cell) for cell in found]
            kept = (
                " | ".join(spread(found[0][name], 3) for name in ("retention", "score_auc"))
                if found[0]
                else " | "
            )
            lines.append(
                f"| `{agent}` | {first['steps'] / 1e6:.1f}M | {' | '.join(shown)} | "
                f"{' / '.join(f'{v:.1f}' for v in by_count)} | {kept} | {first['cpu_s']:.0f} |"
            )
    if gain := cells.get("finetuned_minus_scratch_v0"):
        lines.append(
            f"\n`reward_finetuned` minus `scratch`, 0 distractors, paired by seed (n={gain['n']}): {spread(gain['greedy'])}."
        )
    return "\n".join(lines)


def told(cell: dict[str, Any] | None) -> str:
    """Write a cell's return, and its number of seeds where it is not five."""
    if cell is None:
        return ""
    return spread(cell["greedy"]) + (f" (n={cell['n']})" if cell["n"] != 5 else "")


def spread(found: list[float], digits: int = 2) -> str:
    """Write mean and interval."""
    mean, *ends = (f"{value:.{digits}f}" for value in found)
    return mean + (f" [{', '.join(ends)}]" if ends else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", nargs="+", default=AGENTS, choices=AGENTS)
    parser.add_argument("--distractors", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/sprites_rl"), help="where the runs are kept"
    )
    args = parser.parse_args()
    table = Table("sprites_rl", ("agent", "distractors", "seed"))
    wanted = [
        (
            {"agent": agent, "distractors": count, "seed": seed},
            [f"tuned=sprites_{agent}", f"env.distractors={count}", f"seed={seed}"],
        )
        for seed in args.seeds
        for agent in args.agents
        for count in args.distractors
    ]
    for row in fill(table, wanted, args.folder, args.jobs, summary):
        print(
            *(f"{key}={row[key]}" for key in ("agent", "distractors", "seed", "steps", "greedy", "cpu_s")),
            flush=True,
        )


if __name__ == "__main__":
    main()
