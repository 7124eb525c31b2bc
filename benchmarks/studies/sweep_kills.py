"""50 random SIGKILLs over a sweep of 12 runs on this machine; the same command is typed until all is done.

The results, parameter hashes included, are compared with those of a sweep nothing happened to.

    python -m benchmarks.studies.sweep_kills --kills 50
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import ROOT, write

sys.path.append(str(ROOT / "tests" / "helpers"))
from sweeps import SMALL, command, harass, results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=16384)
    args = parser.parse_args()
    line = (
        *SMALL,
        f"total_steps={args.steps}",
        f"seed=range({args.runs})",
        "hardware=pool",
        "hydra.launcher.n_jobs=2",
    )
    walls, found = {}, {}
    typed = 0
    for name in ("undisturbed", "killed"):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            if name == "killed":
                typed = harass(line, Path(folder), args.runs, args.kills, random.Random(0))
            ended = command(*line, cwd=Path(folder), timeout=3600)
            assert ended.returncode == 0, ended.stderr
            walls[name], found[name] = round(time.perf_counter() - begun, 1), results(Path(folder))
    write(
        "sweep_kills",
        {
            "kills": args.kills,
            "runs": args.runs,
            "steps_a_run": args.steps,
            "commands_typed": typed + 1,
            "wall_s": walls,
            "results": len(found["killed"]),
            "identical": found["killed"] == found["undisturbed"],
        },
    )


if __name__ == "__main__":
    main()
