"""Quality of the shipped digits VAR with its default sampling, against digits it never saw.

python -m benchmarks.studies.var_quality --images 2000 --seeds 5
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch

from benchmarks import record
from rlsuite.generators.common.digits import load_digits
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.scorers.quality import sample_quality, samples
from rlsuite.generators.var import presets

REQUIRED = {
    "recognised": (0.97, 1.0),
    "least_class": (0.08, 1.0),
    "most_class": (0.0, 0.12),
    "frechet_ratio": (0.0, 2.0),
    "nearest_ratio": (0.5, float("inf")),
}


def main(n: int = 2000, seeds: int = 5) -> int:
    torch.set_num_threads(1)
    generator, judge, digits = presets.load_var(), digit_classifier(), load_digits()
    right = judge(digits.held_out).argmax(1) == digits.held_out_labels
    runs = [sample_quality(*samples(generator, n, 1000 + s), judge, digits) for s in range(seeds)]
    guided = {c: sample_quality(*samples(generator, n, 1000, c), judge, digits) for c in (0.0, 1.5, 4.0)}
    mean = {k: float(np.mean([r[k] for r in runs])) for k in runs[0]}
    met = {k: all(low <= r[k] <= high for r in runs) for k, (low, high) in REQUIRED.items()}
    record.write(
        "var_quality",
        {
            "n": n,
            "cfg": 0.35,
            "seeds": [1000 + s for s in range(seeds)],
            "judge_accuracy_held_out": float(right.float().mean()),
            "mean": mean,
            "each_seed": runs,
            "other_guidance_first_seed": guided,
            "required": {k: list(v) for k, v in REQUIRED.items()},
            "met_by_every_seed": met,
        },
    )
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="samples a seed")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    sys.exit(main(asked.images, asked.seeds))
