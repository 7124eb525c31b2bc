"""``python -m rlsuite.train env=var algo=ppo``: train, evaluate on every level, write result.json."""

from __future__ import annotations

from rlsuite.launch import cli


def main() -> None:
    """Start what the command line says."""
    cli.start(cli.train)


if __name__ == "__main__":
    main()
