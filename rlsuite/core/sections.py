"""Settings that belong together: a nested mapping in the yaml, a frozen dataclass in the code."""

from __future__ import annotations

from typing import ClassVar


class Section:
    """Base of the dataclasses that describe a part of the config which is not built: a nested mapping.

    Where a constructor's argument is one, its yaml node holds the fields, and the constructor gets the dataclass.
    """

    main: ClassVar[str | None] = None
    """The field that a plain value given for the whole section sets: ``algo.network=nature`` is ``algo.network.name=nature``."""
