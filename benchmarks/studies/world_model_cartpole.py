"""World models on CartPole: how many real steps it takes to balance, beside PPO, and what each part is worth.

Every row is one run of `python -m rlsuite.train env=cartpole`, in a process of its own, kept in results/world_model_cartpole.json
the moment it is done: a second call makes only what is missing. `steps_to_475` is the first evaluation (20 greedy episodes, the same
for every agent of a seed) with a mean of at least 475; `greedy` and `sampled` are means of 20 episodes at the run's end.

    python -m benchmarks.studies.world_model_cartpole --agents world_model world_model_dyna ppo --seeds 0 1 2 3 4
    python -m benchmarks.studies.world_model_cartpole --markdown
"""

from __future__ import annotations

import argparse
import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import trainings
from benchmarks.studies.sprites_runs import Row, Table, interval
from rlsuite.runs.result import Result

LIMIT, NEEDED = 475.0, 0.8
WORLD_MODEL = ["algo=world_model", "evaluation.every=4096"]
ABLATED = [
    "algo=world_model",
    "evaluation.every=16384",
]  # what it ends at counts; looking costs as much as learning
HIDDEN = "env.observation=positions"  # speeds hidden: here memory has something to remember
AGENTS = {
    "ppo": ["algo=ppo", "evaluation.every=500"],
    "a2c": ["algo=a2c", "total_steps=100000", "evaluation.every=1000"],
    "world_model_dyna": ["algo=world_model_dyna", "evaluation.every=250"],
    "dyna_one_network": ["algo=world_model_dyna", "evaluation.every=250", "algo.model.members=1"],
    "dyna_long_horizon": [
        "algo=world_model_dyna",
        "evaluation.every=250",
        "algo.imagination.horizon=100",
        "algo.imagination.n_envs=32",
    ],
    "world_model": WORLD_MODEL,
    "world_model_a2c": [*ABLATED, "algo.controller.update=a2c"],
    "no_plan": [*ABLATED, "algo.planning.horizon=0"],
    "plan_alone": [*ABLATED, "algo.planning.blend=1.0"],
    "plan_alone_untrained_memory": [*ABLATED, "algo.planning.blend=1.0", "algo.memory.train=false"],
    "fsq": [*ABLATED, "algo.vision.quantizer=fsq", "algo.vision.codes=8"],
    "continuous": [*ABLATED, "algo.vision.quantizer=continuous"],
    "untrained_memory": [*ABLATED, "algo.memory.train=false"],
    "untrained_memory_no_plan": [*ABLATED, "algo.memory.train=false", "algo.planning.horizon=0"],
    "no_memory": [*ABLATED, "algo.memory.layers=0"],
    "untrained_vision": [*ABLATED, "algo.vision.train=false"],
    "old_system": [
        *ABLATED,
        "algo.controller.update=reinforce",
        "algo.controller.layers=[]",
        "algo.gae_lambda=1",
        "algo.vf_coef=0",
        "algo.planning.horizon=0",
    ],
    "positions": [*ABLATED, HIDDEN],
    "positions_untrained_memory": [*ABLATED, HIDDEN, "algo.memory.train=false"],
    "positions_no_memory": [*ABLATED, HIDDEN, "algo.memory.layers=0"],
    "positions_ppo": ["algo=ppo", "evaluation.every=16384", HIDDEN],
}
ALWAYS = [
    "env=cartpole",
    "best_models=null",
    "evaluation.levels=[0]",
    "evaluation.episodes=20",
    "evaluation.n_envs=20",
]
BUDGETS = {"world_model": 51_200, "world_model_dyna": 8_000}
"""Real steps within which the issue is decided."""
PARTS = ("untrained_vision", "untrained_memory", "plan_alone_untrained_memory", "positions_no_memory")
"""What the whole agent must be better than, else the model were decoration."""


def train(agent: str, seed: int, folder: Path) -> Row:
    """Make one run, or resume it; return its row."""
    run = folder / f"{agent}-{seed}"
    cpu_s = trainings.train([*ALWAYS, *AGENTS[agent], f"seed={seed}"], run)
    result = Result.read(run / "result.json")
    means = {
        mode: round(float(np.mean(result.levels[0][mode]["returns"])), 1) for mode in ("greedy", "sampled")
    }
    row = {"agent": agent, "seed": seed, "steps": result.steps, **means, **watched(run / "history.csv")}
    return row | {"cpu_s": cpu_s}


def watched(history: Path) -> dict[str, Any]:
    """Return when the limit was first reached, and the last half's mean of what the model was measured by."""
    with history.open(newline="") as file:
        rows = list(csv.DictReader(file))
    reached = [
        int(float(row["step"]))
        for row in rows
        if row.get("eval/return") and float(row["eval/return"]) >= LIMIT
    ]
    found: dict[str, Any] = {"steps_to_475": reached[0] if reached else None}
    for name in ("error_1", "persistence_1", "error_10", "persistence_10", "perplexity"):
        values = [float(row[f"model/{name}"]) for row in rows[len(rows) // 2 :] if row.get(f"model/{name}")]
        if values:
            found[name] = float(f"{np.mean(values):.4g}")
    return found


def minus_whole(rows: list[Row], agent: str) -> list[float] | None:
    """Return an ablation's greedy return minus that of the whole agent on the same env, paired by seed, with its interval; None for what ablates nothing."""
    whole_agent = next(
        (name for name in ("positions", "plan_alone") if agent.startswith(f"{name}_")), "world_model"
    )
    if agent in ("world_model", "positions") or "algo=world_model" not in AGENTS[agent]:
        return None
    whole = {row["seed"]: row["greedy"] for row in rows if row["agent"] == whole_agent}
    return interval(
        row["greedy"] - whole[row["seed"]] for row in rows if row["agent"] == agent and row["seed"] in whole
    )


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return, for each agent, means with 95 % bootstrap intervals over seeds, and how many seeds did what was asked for."""
    cells: dict[str, Any] = {}
    for agent in AGENTS:
        found = [row for row in rows if row["agent"] == agent]
        if found:
            firsts = [row["steps_to_475"] for row in found]
            cells[agent] = {
                "n": len(found),
                "steps": found[0]["steps"],
                "greedy": interval(row["greedy"] for row in found),
                "minus_world_model": minus_whole(rows, agent),
                "sampled": interval(row["sampled"] for row in found),
                "good": sum(row["greedy"] >= LIMIT for row in found),
                "reached": sum(first is not None for first in firsts),
                "steps_to_475": sorted(f for f in firsts if f is not None),
                "cpu_s": round(float(np.mean([row["cpu_s"] for row in found])), 1),
            }
    held = {
        f"{agent}_475_within_{budget}": cells[agent]["good"] >= NEEDED * cells[agent]["n"]
        for agent, budget in BUDGETS.items()
        if agent in cells and cells[agent]["steps"] <= 1.05 * budget
    }
    if (
        {"ppo", "world_model_dyna"} <= set(cells)
        and cells["ppo"]["steps_to_475"]
        and cells["world_model_dyna"]["steps_to_475"]
    ):
        medians = [float(np.median(cells[agent]["steps_to_475"])) for agent in ("world_model_dyna", "ppo")]
        held["dyna_takes_a_third_of_ppos_steps"] = medians[0] <= medians[1] / 3
    for agent in PARTS:
        if agent in cells and len(cells[agent]["minus_world_model"]) == 3:
            held[f"{agent}_is_worse"] = cells[agent]["minus_world_model"][2] < 0
    return {"limit": LIMIT, "held": held, "cells": cells}


def told(found: list[float] | None, sign: str = "") -> str:
    """Say a mean and its interval."""
    if found is None:
        return ""
    mean, *ends = (f"{value:{sign}.0f}" for value in found)
    return mean + (f" [{', '.join(ends)}]" if ends else "")


def markdown(rows: list[Row]) -> str:
    """Return a table: an agent a row."""
    lines = [
        "| agent | real steps | greedy at the end [95 %] | minus the whole agent's, paired | seeds >= 475 | steps to 475 (each seed that got there) | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for agent, cell in summary(rows)["cells"].items():
        firsts = ", ".join(f"{first:,}" for first in cell["steps_to_475"]) or "never"
        lines.append(
            f"| `{agent}` | {cell['steps']:,} | {told(cell['greedy'])} | {told(cell['minus_world_model'], '+')} | "
            f"{cell['good']} of {cell['n']} | {firsts} | {cell['cpu_s']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", nargs="+", default=list(AGENTS), choices=list(AGENTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--folder", type=Path, default=Path("outputs/world_model_cartpole"), help="where the runs are kept"
    )
    parser.add_argument("--markdown", action="store_true", help="only print what is there as a table")
    args = parser.parse_args()
    table = Table("world_model_cartpole", ("agent", "seed"))
    if args.markdown:
        return print(markdown(table.rows()))
    missing = [(a, s) for s in args.seeds for a in args.agents if {"agent": a, "seed": s} not in table]
    with ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda item: train(*item, args.folder), missing):
            table.add(row)
            table.write(table.rows(), **summary(table.rows()))
            print(
                *(
                    f"{key}={row[key]}"
                    for key in ("agent", "seed", "steps", "greedy", "steps_to_475", "cpu_s")
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
