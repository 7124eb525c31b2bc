"""List every result under benchmarks/results with the command, date and commit that made it, and what is missing or stale.

Stale is a result whose benchmark was changed after it was made: look at the change, and make it again if it matters.

    python scripts/results.py            # the table; `make results` does the same
    python scripts/results.py --open     # only what is missing or stale
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


class Line(NamedTuple):
    """A result, or a benchmark that has none."""

    name: str
    state: str
    date: str
    commit: str
    command: str


def git(*words: str) -> str:
    """Return what git says; "" outside a repository."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def state(file: Path, script: Path) -> Line:
    """Return what is known of the result ``file`` that ``script`` made."""
    record = json.loads(file.read_text())
    made = git("log", "-1", "--format=%h %cs", "--", str(file)).split() or ["", ""]
    commit, date = record.get("commit", made[0]), record.get("date", made[1])
    changes = git("log", "--oneline", f"{made[0]}..HEAD", "--", str(script)).splitlines() if made[0] else []
    found = f"stale: {len(changes)} change{'s' * (len(changes) != 1)} since" if changes else "ok"
    return Line(
        file.stem, found if script.exists() else "its command is gone", date, commit, record["command"]
    )


def lines() -> Iterator[Line]:
    """Yield a line a result, then one a benchmark without any."""
    used = set()
    for file in sorted(RESULTS.glob("*.json")):
        script = ROOT / json.loads(file.read_text())["command"].split()[1]
        used.add(script.name)
        yield state(file, ROOT / "benchmarks" / script.name)
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        makes_one = "__main__" in script.read_text() and not script.stem.endswith("_page")
        if makes_one and script.name not in used:
            yield Line(script.stem, "missing", "", "", f"python benchmarks/{script.name}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--open", action="store_true", help="only what is missing or stale")
    wanted = parser.parse_args().open
    shown = [line for line in lines() if not wanted or line.state != "ok"]
    widths = [max([len(line[i]) for line in shown], default=0) for i in range(4)]
    for line in shown:
        print(
            "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line.command])
        )


if __name__ == "__main__":
    main()
