"""Where the shipped yaml files lie."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """Return the directory of the shipped yaml files, in a checkout as in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"
