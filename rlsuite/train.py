"""``python -m rlsuite.train env=var algo=ppo``: train, evaluate on every level, write result.json."""

from __future__ import annotations

from rlsuite.launch import cli
from rlsuite.launch.jobs.entry_points import Train


def main() -> None:
    """Start what the command line says."""
    cli.start(Train())


if __name__ == "__main__":
    main()
