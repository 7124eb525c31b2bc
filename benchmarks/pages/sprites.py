"""Fill docs/results/sprites.md, its tables and its figure of learning curves, from what benchmarks/results holds.

python -m benchmarks.pages.sprites
"""

from __future__ import annotations

import argparse
import json

from benchmarks.record import RESULTS, ROOT, filled
from benchmarks.studies import sprites_questions, sprites_rl, sprites_table1
from benchmarks.studies.sprites_runs import Table

PAGE = ROOT / "docs" / "results" / "sprites.md"


def main() -> None:
    """Write page and figure."""
    curves = Table("sprites_rl", ("agent", "distractors", "seed")).rows()
    questions = Table("sprites_questions", ("case", "seed")).rows()
    first = json.loads((RESULTS / "sprites_table1.json").read_text())
    sprites_rl.draw(curves, PAGE.with_name("sprites_curves.png"))
    PAGE.write_text(
        filled(
            PAGE.read_text(),
            {
                "table 1": sprites_table1.markdown(first["table"], first["seeds"], first["mean_cpu_s"]),
                "baselines": sprites_rl.markdown(curves),
                "questions": sprites_questions.markdown(questions),
            },
        )
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
