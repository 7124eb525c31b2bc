"""Write a benchmark's result beside the command and the machine that made it."""

from __future__ import annotations

import datetime
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

from rlsuite.runs.result import git_commit

ROOT = Path(__file__).parents[1]
"""The checkout: benchmarks run from here, as ``python -m benchmarks.FOLDER.NAME``."""

RESULTS = ROOT / "benchmarks" / "results"


def hardware() -> dict[str, Any]:
    """CPU model, threads and versions."""
    import torch

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0].split(":", 1)[1].strip() if names else platform.processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def command() -> str:
    """Return what starts the running benchmark, without its arguments: ``python -m benchmarks.speed.startup``."""
    spec = sys.modules["__main__"].__spec__
    return f"python -m {spec.name}" if spec else f"python {sys.argv[0]}"


def origin() -> dict[str, Any]:
    """Return what made a result: command, day, commit and machine."""
    commit = git_commit() or ""
    return {
        "command": " ".join([command(), *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "commit": commit[:9] + "+" * commit.endswith("+"),
        "hardware": hardware(),
    }


def filled(text: str, tables: dict[str, str]) -> str:
    """Return a page with each table between ``<!-- name -->`` and ``<!-- end -->``."""
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda m, t=table: f"{m[1]}{t.strip()}\n{m[2]}",
            text,
            flags=re.S,
        )
    return text


def write(name: str, result: dict[str, Any]) -> None:
    """Save ``results/<name>.json`` and print it."""
    record = {**origin(), **result}
    text = json.dumps(record, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(text)
