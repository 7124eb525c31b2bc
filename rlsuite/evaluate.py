"""``python -m rlsuite.evaluate run=<folder>``: the learned policy beside its yardsticks on held-out episodes."""

from __future__ import annotations

from rlsuite import launch
from rlsuite.schema import Evaluating


def main() -> None:
    """Start what the command line says."""
    launch.start(launch.evaluate, "evaluate", Evaluating)


if __name__ == "__main__":
    main()
