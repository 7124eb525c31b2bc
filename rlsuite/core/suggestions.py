"""The nearest right name to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest_name(name: str, options: Iterable[str]) -> str | None:
    """Return the option most like ``name``, or None if none is much like it."""
    matches = get_close_matches(name, list(options), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return what to append to a complaint about ``name``: the nearest option, or all of a short list."""
    options = sorted(options)
    match = nearest_name(name, options)
    if match is not None:
        return f"; did you mean {match}?"
    return f"; there is {', '.join(options)}" if 0 < len(options) <= 12 else ""


def nearest_keys(key: str, keys: Iterable[str]) -> list[str]:
    """Return the dotted keys a user may have meant by ``key``.

    The same name elsewhere wins (``env.n_envs`` for ``algo.n_envs``), then a like name under the same parent,
    then a like name anywhere.
    """
    keys = sorted(keys)
    parent, _, leaf = key.rpartition(".")
    places: dict[str, list[str]] = {}
    for full in keys:
        places.setdefault(full.rpartition(".")[2], []).append(full)
    siblings = [name for name, found in places.items() for full in found if full.rpartition(".")[0] == parent]
    near = leaf if leaf in places else nearest_name(leaf, siblings)
    if near in siblings:
        return [f"{parent}.{near}" if parent else str(near)]
    near = near or nearest_name(leaf, places)
    return places[near] if near else [match for match in [nearest_name(key, keys)] if match]
