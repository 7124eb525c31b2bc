"""Table 1 of the task sheet: how well rewards are predicted among 0, 1 and 2 distractors, by encoders taught by rewards or by pictures.

Each training is a run of `python -m rlsuite.pretrain model=sprites_encoder`, kept under --root: it resumes where it was, finished ones are
not repeated, and the table is made of all that are finished. So it can be run in pieces. Rows beside the two of the table change one thing:
what tells convolutions where they are, ReLU, a fifth reward (the distance), no curriculum.

    python benchmarks/sprites_table1.py                                         # the table: 5 seeds of each row, one CPU-hour
    python benchmarks/sprites_table1.py --rows no_padding coordinates relu with_distance no_curriculum --seeds 0 1
    python benchmarks/sprites_table1.py --rows reward --seeds 0 1
    python benchmarks/sprites_table1.py --seeds                                 # only the table
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from record import write

from rlsuite.config.schema import Pretraining
from rlsuite.config.settings import compose_settings
from rlsuite.experiment.pretraining import pretrain

FIRST = ["model.updates=[6000]", "model.distractors=[0]"]  # the first stage alone
ROWS = {
    "reward": [],
    "short": ["model.updates=[5500]", "model.distractors=[0]"],  # what 150 CPU seconds are enough for
    "image": ["model.objective=image", "model.updates=[3000,3000]"],
    "no_padding": [*FIRST, "model.border=none"],
    "coordinates": [*FIRST, "model.border=coordinates"],
    "relu": [*FIRST, "model.slope=0"],
    "with_distance": [*FIRST, "model.rewards=[agent_x,agent_y,target_x,target_y,follow]"],
    "no_curriculum": ["model.updates=[12000]", "model.distractors=[2]"],
}
PUBLISHED = {  # agent x, agent y, target x, target y
    "image": {
        "0": [0.049, 0.051, 0.043, 0.005],
        "1": [0.049, 0.049, 0.007, 0.007],
        "2": [0.049, 0.050, 0.036, 0.007],
    },
    "reward": {
        "0": [0.007, 0.006, 0.004, 0.004],
        "1": [0.020, 0.018, 0.006, 0.006],
        "2": [0.023, 0.023, 0.007, 0.007],
    },
}
LIMITS = {"stage 1": {"0": 0.005}, "stage 2": {"0": 0.006, "1": 0.006, "2": 0.012}}


def train(root: Path, row: str, seed: int) -> None:
    folder = root / f"{row}_s{seed}"
    cfg = compose_settings(
        ["model=sprites_encoder", *ROWS[row], f"seed={seed}", "checkpoint.every_s=30"], Pretraining
    )
    pretrain(cfg, folder)


def stages(root: Path, row: str) -> dict[str, list[dict]]:
    """Return what each finished seed measured after each stage of the curriculum."""
    files = sorted(
        root.glob(f"{row}_s*/result.json"), key=lambda file: int(file.parent.name.rpartition("_s")[2])
    )
    runs = [
        (int(f.parent.name.rpartition("_s")[2]), json.loads(f.read_text())["quality"]["stages"])
        for f in files
    ]
    return {
        f"stage {i + 1}": [{"seed": seed, **measured[i]} for seed, measured in runs]
        for i in range(len(runs[0][1]) if runs else 0)
    }


def summed_up(measured: list[dict]) -> dict[str, dict[str, list[float]]]:
    """Return mean and worst over seeds of each reward's error, by number of distractors."""
    found = {}
    for count in "012":
        columns = list(zip(*(list(run[f"mse_{count}"].values()) for run in measured), strict=True))
        found[count] = {
            "mean": [round(statistics.mean(column), 4) for column in columns],
            "worst": [round(max(column), 4) for column in columns],
        }
    return found


def markdown(table: dict[str, dict[str, dict]], seeds: dict[str, int], cpu: dict[str, float]) -> str:
    """Return the page's table: the mean over seeds of each error, in brackets the worst; published numbers first."""
    lines = [
        "| encoder | distractors | A-x | A-y | T-x | T-y | seeds | CPU-s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row, errors in PUBLISHED.items():
        for count, values in errors.items():
            shown = " | ".join(f"{value:.3f}" for value in values)
            lines.append(f"| published, by {row} | {count} | {shown} | | |")
    for row, measured in table.items():
        for stage, errors in measured.items():
            name = f"{row.replace('_', ' ')}, {stage}" if len(measured) > 1 else row.replace("_", " ")
            for count in "0" if stage == "stage 1" and row != "no_curriculum" else "012":
                values = list(zip(*errors[count].values(), strict=True))[:4]
                shown = " | ".join(f"{mean:.4f} ({worst:.4f})" for mean, worst in values)
                lines.append(f"| {name} | {count} | {shown} | {seeds[row]} | {cpu[f'{row} {stage}']:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", choices=tuple(ROWS), default=["reward", "image"])
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(5)))
    parser.add_argument("--root", type=Path, default=Path("outputs/sprites_table1"))
    args = parser.parse_args()
    for seed in args.seeds:
        for row in args.rows:
            train(args.root, row, seed)
    measured = {row: stages(args.root, row) for row in ROWS}
    table = {
        row: {stage: summed_up(runs) for stage, runs in found.items()} for row, found in measured.items()
    }
    seeds = {row: len(found.get("stage 1", [])) for row, found in measured.items()}
    cpu = {
        f"{row} {stage}": statistics.mean(run["cpu_s"] for run in runs)
        for row, found in measured.items()
        for stage, runs in found.items()
    }
    write(
        "sprites_table1",
        {
            "columns": ["agent_x", "agent_y", "target_x", "target_y"],
            "published": PUBLISHED,
            "limits": LIMITS,
            "seeds": seeds,
            "mean_cpu_s": cpu,
            "table": table,
            "runs": measured,
        },
    )


if __name__ == "__main__":
    main()
