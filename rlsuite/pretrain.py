"""``python -m rlsuite.pretrain model=var``: train a generator or another model that runs build on."""

from __future__ import annotations

from rlsuite.config.schema import Pretraining
from rlsuite.launch import cli


def main() -> None:
    """Start what the command line says."""
    cli.start(cli.pretrain, "pretrain", Pretraining)


if __name__ == "__main__":
    main()
