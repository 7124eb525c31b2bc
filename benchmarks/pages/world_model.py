"""Fill docs/results/world_model.md from what benchmarks/results holds.

python -m benchmarks.pages.world_model
"""

from __future__ import annotations

import argparse
import json

from benchmarks.record import RESULTS, ROOT, filled
from benchmarks.studies import world_model_cartpole
from benchmarks.studies.sprites_runs import Table

PAGE = ROOT / "docs" / "results" / "world_model.md"


def carracing() -> str:
    """Return the table of scores on CarRacing-v3."""
    path = RESULTS / "carracing_score.json"
    found = json.loads(path.read_text()) if path.exists() else {"rows": []}
    lines = [
        "| agent | seed | frames | score [95 %] | best action always [95 %] | on the patch renderer | minutes of training |",
        "|---|---|---|---|---|---|---|",
    ]

    def said(cell: dict) -> str:
        return f"{cell['mean']:.0f} [{cell['interval'][0]:.0f}, {cell['interval'][1]:.0f}]"

    lines += [
        f"| `{row['arm']}` | {row['seed']} | {row['frames']:,} | {said(row['stock'])} | {said(row['greedy'])} | "
        f"{said(row['patch'])} | {row['wall_time_s'] / 60:.0f} |"
        for row in found["rows"]
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    rows = Table("world_model_cartpole", ("agent", "seed")).rows()
    tables = {"cartpole": world_model_cartpole.markdown(rows), "carracing": carracing()}
    PAGE.write_text(filled(PAGE.read_text(), tables))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
