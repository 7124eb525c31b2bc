"""Fill docs/results/var.md from what benchmarks/results holds.

python -m benchmarks.pages.var
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.record import RESULTS, ROOT, filled

PAGE = ROOT / "docs" / "results" / "var.md"
MIXTURES = "dB above the best mixture of static schedules at equal FLOPs, level 0"
FIXED = "dB above fixed FastVAR of policies that save as much, level 0"


def result(name: str) -> dict[str, Any]:
    """Return a result file; nothing where there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def said(interval: list[float] | None, digits: int = 2) -> str:
    """Say a mean and its 95 % interval."""
    if interval is None:
        return ""
    mean, low, high = (f"{value:+.{digits}f}" for value in interval)
    return f"{mean} [{low}, {high}]"


def ladder(found: dict[str, Any], level: str) -> str:
    """Return the rows of a level; what is compared at equal FLOPs stands for level 0 alone."""
    gains = {name: found[name] if level == "0" else {} for name in (MIXTURES, FIXED)}
    lines = [
        "| policy | n | return | PPO minus it [95 %] | FLOPs saved | recognised | dB above mixtures of static schedules, equal FLOPs [95 %] | "
        "dB above fixed FastVAR, where it saves no less [95 %] |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["levels"][level].items():
        if not name.startswith("static"):
            shown = f"**{name}**" if name.startswith("PPO") else name
            lines.append(
                f"| {shown} | {row['n']:,} | {row['returns']:.3f} | {said(row['PPO minus it, returns'], 3) if name != 'PPO' else ''} | "
                f"{100 * row['flops_saved']:.0f} % | {100 * row['recognised']:.1f} % | {said(gains[MIXTURES].get(name))} | "
                f"{said(gains[FIXED].get(name))} |"
            )
    return "\n".join(lines)


def pareto(found: dict[str, Any]) -> str:
    """Return a line on the hypervolume."""
    area = found["hypervolume"]
    return (
        f"Hypervolume above (0, 0): {area['mean']:.3f} [{area['low']:.3f}, {area['high']:.3f}] (mean of {area['seeds']} seeds' fronts, 95 % "
        f"bootstrap interval); of fixed FastVAR and all constant ratios together {found['hypervolume_of_the_yardsticks']:.3f}."
    )


def speed(plain: dict[str, Any], kept: dict[str, Any]) -> str:
    """Return the speed-ups three ways: FLOPs, tokens, wall time in both settings of memory."""
    lines = [
        "| batch | pruned at 6x6 and 8x8 | FLOPs saved | tokens | codes, times as fast | with decoding | codes, memory kept | with decoding |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one, other in zip(plain["pruning"], kept["pruning"], strict=True):
        pruned = "skipped" if one["ratio"] == 1 else f"{100 * one['ratio']:.0f} %"
        times = [row[key]["speedup"] for row in (one, other) for key in ("codes", "with_decoding")]
        lines.append(
            f"| {one['batch']} | {pruned} | {100 * one['flops_saved']:.0f} % | {one['kept_tokens']} of {one['of']} | "
            + " | ".join(f"{t:.2f}" for t in times)
            + " |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    tables = {"speed": speed(result("var_speed"), result("var_speed_kept"))}
    if found := result("var_ladder"):
        tables |= {f"ladder {level}": ladder(found, level) for level in ("0", "1")}
    if found := result("var_pareto"):
        tables["pareto"] = pareto(found)
    PAGE.write_text(filled(PAGE.read_text(), tables))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
