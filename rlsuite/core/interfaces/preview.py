"""What a loader says of a part before it loads it: enough to refuse a setting that the part cannot serve."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rlsuite.core.errors import complaint

Loader = TypeVar("Loader", bound=Callable[..., object])


@dataclass(frozen=True)
class Preview:
    """Of a loader.

    Attributes:
        outline: takes what the loader takes (its yaml) and tells what would be loaded, without loading it.
    """

    outline: Callable[..., object]

    def problems(self, **settings: object) -> Iterator[str]:
        """Yield why nothing can be loaded with these settings."""
        return complaint(lambda: self.outline(**settings))


def previewed(outline: Callable[..., object]) -> Callable[[Loader], Loader]:
    """Give a loader a preview, which ``preview_of`` finds.

    Args:
        outline: takes all that the loader takes, and loads no weights; raises a ``UserError`` where the loader would.
    """

    def mark(load: Loader) -> Loader:
        def told(**settings: object) -> object:
            given = inspect.signature(load).bind(**settings)
            given.apply_defaults()
            return outline(**given.arguments)

        vars(load)["preview"] = Preview(told)
        return load

    return mark


def preview_of(target: object) -> Preview | None:
    """Return the preview of a loader; None for what has none."""
    found = vars(target).get("preview") if inspect.isfunction(target) else None
    return found if isinstance(found, Preview) else None
