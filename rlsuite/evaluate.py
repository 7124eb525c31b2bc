"""``python -m rlsuite.evaluate run=<folder>``: the learned policy beside its reference policies on held-out episodes."""

from __future__ import annotations

from rlsuite.config.schema import Evaluating
from rlsuite.launch import cli


def main() -> None:
    """Start what the command line says."""
    cli.start(cli.evaluate, "evaluate", Evaluating)


if __name__ == "__main__":
    main()
