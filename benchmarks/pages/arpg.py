"""Fill docs/results/arpg.md from what benchmarks/results holds.

python -m benchmarks.pages.arpg
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.record import RESULTS, ROOT, filled

PAGE = ROOT / "docs" / "results" / "arpg.md"
NAMES = {"cfg": "counts and guidance", "count": "counts alone", "positions": "counts and positions"}
BASE = "cosine 8"


def result(name: str) -> dict[str, Any]:
    """Return a result file; nothing where there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def points(interval: list[float]) -> str:
    """Say a difference of shares and its interval in points."""
    mean, low, high = (100 * value for value in interval)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def learned(cells: dict[str, Any]) -> str:
    """Return the table of trained schedules: means over seeds, hand-made ones between them."""
    lines = [
        "| schedule | steps | accuracy % | minus cosine 8, points [95 %] | Inception | Fréchet | reward gain in SE, drawn / greedy | CPU-s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, cell in cells.items():
        if "mean" not in cell:
            lines.append(
                f"| {name} | {cell['steps']:.1f} | {100 * cell['accuracy']:.1f} | | {cell['inception']:.2f} | "
                f"{cell['frechet']:.1f} | | |"
            )
            continue
        arm, steps = name.split("_")
        mean, n = cell["mean"], len(cell["by_seed"])
        cpu = "" if mean["train_cpu_s"] is None else f"{mean['train_cpu_s']:.0f}"
        lines.append(
            f"| **learned: {NAMES[arm]}**, from cosine {steps} (n={n}) | {mean['steps']:.1f} | {100 * mean['accuracy']:.1f} | "
            f"{points(mean[f'accuracy minus {BASE}'])} | {mean['inception']:.2f} | {mean['frechet']:.1f} | "
            f"{mean['gain_in_se']:.0f} / {mean['greedy_gain_in_se']:.0f} | {cpu} |"
        )
    return "\n".join(lines)


def baselines(cells: dict[str, Any]) -> str:
    """Return the table of hand-made, random and searched schedules, a row a name, level 0 beside level 1."""
    lines = [
        "| schedule | steps | accuracy % (SE) | Inception | Fréchet | level 1: steps | accuracy % (SE) | Inception | Fréchet |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    def shown(cell: dict[str, Any]) -> str:
        if not cell:
            return " | | | "
        error = 100 * cell["accuracy_se"]
        return f"{cell['steps']:.1f} | {100 * cell['accuracy']:.1f} ({error:.1f}) | {cell['inception']:.2f} | {cell['frechet']:.1f}"

    for key, cell in cells.items():
        where, _, name = key.partition(": ")
        level, _, steps = where.partition(", ")
        if level == "level 0" and not name.startswith("run "):
            other = cells.get(key.replace("level 0", "level 1"), {})
            label = f"{name}, {steps}" if steps else name
            lines.append(f"| {label} | {shown(cell)} | {shown(other)} |")
    return "\n".join(lines)


def ablation(arms: dict[str, Any]) -> str:
    """Return the table of what each reward makes of the pictures: mean over seeds, smallest and largest."""
    keys = {
        "returns_before": "return before",
        "returns_after": "after",
        "steps": "steps",
        "accuracy": "accuracy",
        "frechet": "Fréchet",
        "clip_score_after": "CLIP score",
    }
    lines = [f"| reward | n | {' | '.join(keys.values())} |", "|---" * (len(keys) + 2) + "|"]
    for arm, means in arms.items():
        shown = " | ".join(spread(means.get(key)) for key in keys)
        lines.append(f"| {arm} | {means['seeds']} | {shown} |")
    return "\n".join(lines)


def spread(found: list[float] | None) -> str:
    """Say a mean, and the smallest and largest where they differ; nothing of nothing."""
    if not found:
        return ""
    mean, low, high = found
    return f"{mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if low < high else "")


def paid(found: dict[str, dict[str, float]]) -> str:
    """Return the table of what each reward pays for cosine's schedules."""
    names = list(next(iter(found.values())))
    lines = [f"| steps of cosine | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [
        f"| {steps} | {' | '.join(f'{row[name]:.2f}' for name in names)} |" for steps, row in found.items()
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    tables = {}
    if found := result("arpg_learned"):
        tables["learned"] = learned(found["cells"])
    if found := result("arpg_baselines"):
        tables["baselines"] = baselines(found["cells"])
    if found := result("arpg_reward_ablation"):
        tables["paid"] = paid(found["paid"])
        tables["ablation"] = ablation(found["arms"])
    PAGE.write_text(filled(PAGE.read_text(), tables))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
