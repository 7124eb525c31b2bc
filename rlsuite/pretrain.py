"""``python -m rlsuite.pretrain model=var``: train a generator or another model that runs build on."""

from __future__ import annotations

from rlsuite.launch import cli
from rlsuite.launch.jobs.entry_points import Pretrain


def main() -> None:
    """Start what the command line says."""
    cli.start(Pretrain())


if __name__ == "__main__":
    main()
