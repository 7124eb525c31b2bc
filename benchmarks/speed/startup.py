"""Time of ``python -m rlsuite.train --cfg job`` (compose, print) against a bare Hydra app with as many groups and choices.

The two alternate, so that a busy machine slows both; medians and their ratio go to results/startup.json.

    python -m benchmarks.speed.startup --repeats 21
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import RESULTS, ROOT

LIMIT = 1.5
APP = """import hydra
@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    print(cfg)
main()
"""


def bare_app(folder: Path) -> Path:
    """Write a Hydra app with the groups and choices of conf/, each choice one setting."""
    groups = {
        path.name: path for path in (ROOT / "conf").iterdir() if path.is_dir() and any(path.glob("*.yaml"))
    }
    defaults = []
    for name, path in sorted(groups.items()):
        (folder / "conf" / name).mkdir(parents=True)
        choices = sorted(file.stem for file in path.glob("*.yaml"))
        for choice in choices:
            (folder / "conf" / name / f"{choice}.yaml").write_text("value: 1\n")
        defaults.append(f"  - {name}: {choices[0]}\n")
    (folder / "conf" / "config.yaml").write_text("defaults:\n" + "".join(defaults) + "  - _self_\n")
    (folder / "app.py").write_text(APP)
    return folder / "app.py"


def seconds(*command: str) -> float:
    """Run a command once and return its wall time."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--out", type=Path, default=RESULTS / "startup.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = str(bare_app(Path(folder)))
        commands = {"bare": (app, "--cfg", "job"), "rlsuite": ("-m", "rlsuite.train", "--cfg", "job")}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for repeat in range(args.repeats + 1):
            for name, command in commands.items():
                took = seconds(*command)
                if repeat:  # the first one fills the caches
                    times[name].append(took)
    medians = {name: statistics.median(values) for name, values in times.items()}
    report = {
        "command": f"{command()} --repeats {args.repeats}",
        "limit": LIMIT,
        "ratio": round(medians["rlsuite"] / medians["bare"], 3),
        "median_s": {name: round(value, 4) for name, value in medians.items()},
        "python": platform.python_version(),
    }
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    sys.exit(report["ratio"] > LIMIT)


if __name__ == "__main__":
    main()
