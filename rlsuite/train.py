"""``python -m rlsuite.train env=var algo=ppo``: train, evaluate on every level, write result.json."""

from __future__ import annotations

from rlsuite import launch


def main() -> None:
    """Start what the command line says."""
    launch.start(launch.train)


if __name__ == "__main__":
    main()
