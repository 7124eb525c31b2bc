"""``python -m rlsuite.pretrain model=var``: train a generator or another model that runs build on."""

from __future__ import annotations

from rlsuite import launch
from rlsuite.schema import Pretraining


def main() -> None:
    """Start what the command line says."""
    launch.start(launch.pretrain, "pretrain", Pretraining)


if __name__ == "__main__":
    main()
