"""How much memory StarPilot's full replay buffer takes, and the process that fills it by random play.

Usage: python benchmarks/replay_memory.py
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

import torch
from record import write

from rlsuite.config.settings import compose_settings
from rlsuite.experiment.run import build_pair


def main() -> None:
    """Fill the buffer of the tuned DQN, learn a little from it, and look at the peak."""
    torch.set_num_threads(1)
    _, agent = build_pair(compose_settings(["env=starpilot", "algo=dqn", "algo.learning_starts=101000"]))
    with tempfile.TemporaryDirectory() as folder:
        agent.keep_in(Path(folder))
        agent.learn(102_000)
        stored = agent.replay_buffer
        sizes = {name: getattr(stored, name).nbytes for name in stored.STORED}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    write(
        "replay_memory",
        {
            "transitions": stored.buffer_size * stored.n_envs,
            "envs": stored.n_envs,
            "full": bool(stored.full),
            "buffer_gb": round(sum(sizes.values()) / 1e9, 3),
            "peak_process_gb": round(peak, 3),
        },
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
