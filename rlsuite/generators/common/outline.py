"""What a generator is before its weights are loaded: enough to refuse a setting that it cannot serve."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rlsuite.core.errors import complaint

Loader = TypeVar("Loader", bound=Callable[..., Any])


def outlined(outline: Callable[..., Any]) -> Callable[[Loader], Loader]:
    """Let a loader say by ``load.outline(**yaml)`` what it would load, and by ``load.missing(**yaml)`` what it would not find.

    Args:
        outline: takes all that the loader takes, and loads no weights; raises a UserError where the loader would.
    """

    def mark(load: Loader) -> Loader:
        def told(**config: Any) -> Any:
            given = inspect.signature(load).bind(**config)
            given.apply_defaults()
            return outline(**given.arguments)

        def missing(**config: Any) -> Iterator[str]:
            return complaint(lambda: told(**config))

        vars(load).update(outline=told, missing=missing)
        return load

    return mark
