"""``python -m rlsuite.evaluate run=<folder>``: the learned policy beside its reference policies on held-out episodes."""

from __future__ import annotations

from rlsuite.launch import cli
from rlsuite.launch.jobs.entry_points import Evaluate


def main() -> None:
    """Start what the command line says."""
    cli.start(Evaluate())


if __name__ == "__main__":
    main()
