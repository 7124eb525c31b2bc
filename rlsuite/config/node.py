"""A part of the config that is built: what to call, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RESERVED = frozenset({"_target_", "_partial_", "_convert_", "_recursive_"})
"""Keys of a node that speak to Hydra, not to the constructor."""


@dataclass(frozen=True)
class Node:
    """One choice of a group, as its yaml and the command line have it; ``config.instantiate.build`` makes the object.

    Attributes:
        target: dotted name of the class or function.
        settings: what stands beside ``_target_``; nodes among them stay mappings.
    """

    target: str
    settings: Mapping[str, object]

    @classmethod
    def read(cls, plain: Mapping[str, object]) -> Node:
        """Return the node of a mapping with a ``_target_``."""
        return cls(str(plain["_target_"]), {key: value for key, value in plain.items() if key != "_target_"})

    @property
    def plain(self) -> dict[str, object]:
        """The mapping that a yaml holds."""
        return {"_target_": self.target, **self.settings}

    @property
    def arguments(self) -> dict[str, object]:
        """The settings that the constructor gets."""
        return {key: value for key, value in self.settings.items() if key not in RESERVED}
