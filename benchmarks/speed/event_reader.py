"""Reading scalars from event files: rlsuite.analysis.events beside TensorBoard's EventAccumulator, same values.

The files are written by SummaryWriter as Stable-Baselines3's logger does, an event a scalar: 20 tags x 2,000 steps. Each reader runs in turn,
in one process, after both are imported; the values are compared first. Numbers go to results/event_reader.json.

    python -m benchmarks.speed.event_reader --rounds 9
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from benchmarks.record import write
from rlsuite.analysis.events import read_scalars

TAGS, STEPS = 20, 2000


def make(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with SummaryWriter(str(folder)) as writer:
        for step in range(STEPS):
            for tag, value in enumerate(rng.normal(size=TAGS)):
                writer.add_scalar(f"train/metric_{tag}", value, step * 640)


def accumulate(folder: Path) -> dict:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        ours, theirs = read_scalars(folder), accumulate(folder)
        for tag, scalars in theirs.items():
            assert ours[tag][0].tolist() == [s.step for s in scalars]
            assert ours[tag][1].tolist() == [s.value for s in scalars]
        ratios, seconds = [], {"ours": [], "EventAccumulator": []}
        for _ in range(args.rounds):
            for key, reader in (("ours", read_scalars), ("EventAccumulator", accumulate)):
                start = time.perf_counter()
                reader(folder)
                seconds[key].append(time.perf_counter() - start)
            ratios.append(seconds["EventAccumulator"][-1] / seconds["ours"][-1])
    write(
        "event_reader",
        {
            "scalars": TAGS * STEPS,
            "rounds": args.rounds,
            "same_values": True,
            "median_ms": {key: round(1000 * float(np.median(values)), 1) for key, values in seconds.items()},
            "times_faster": {
                "median": round(float(np.median(ratios)), 1),
                "least": round(min(ratios), 1),
                "most": round(max(ratios), 1),
            },
        },
    )


if __name__ == "__main__":
    main()
