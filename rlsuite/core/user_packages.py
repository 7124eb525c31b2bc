"""The packages, beside ours, from which a user lets the suite import."""

from __future__ import annotations

import os

VARIABLE = "RLSUITE_PACKAGES"
"""The environment variable that names them, separated by commas."""


def user_packages() -> tuple[str, ...]:
    """Return the packages that the user allows."""
    named = (name.strip() for name in os.environ.get(VARIABLE, "").split(","))
    return tuple(name for name in named if name)
