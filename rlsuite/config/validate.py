"""Every problem of a composed config, before anything is built: signatures are the schema."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsuite.config import signature as notes
from rlsuite.config.compatibility import pair_problems
from rlsuite.config.instantiate import TargetError, locate
from rlsuite.config.node import RESERVED
from rlsuite.config.schema import Schema, Training
from rlsuite.core.ranges import holds
from rlsuite.core.suggestions import did_you_mean


def find_problems(cfg: DictConfig, schema: Schema = Training, pairs: bool = True) -> list[str]:
    """List everything wrong with ``cfg``, each with its key and what would be right; empty if it can run.

    ``pairs=False`` leaves out the rules between two choices, for a config whose choices are guessed.
    """
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        return [f"{error.full_key or 'config'}: {str(error).splitlines()[0]}"]
    assert isinstance(plain, dict)
    found = list(_call_faults("", schema, plain))
    return found or (list(pair_problems(plain)) if pairs else [])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _show(value: object) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _node_faults(path: str, node: Mapping[str, object], injected: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with a mapping that has a ``_target_``."""
    given = {name: value for name, value in node.items() if name not in RESERVED}
    try:
        target = locate(node["_target_"])
    except TargetError as error:
        yield f"{path}._target_: {error}"
        for name, value in given.items():
            yield from _faults(_join(path, name), value, Any)
    else:
        yield from _call_faults(path, target, given, injected, partial=bool(node.get("_partial_")))


def _call_faults(
    path: str,
    target: Callable[..., Any],
    given: Mapping[str, object],
    injected: tuple[str, ...] = (),
    partial: bool = False,
) -> Iterator[str]:
    """Yield what keeps ``target(**given, **injected)`` from being a correct call."""
    known, is_open = notes.parameters(target)
    settable = [name for name in known if name not in injected]
    for name, value in given.items():
        key = _join(path, name)
        if name in injected:
            yield f"{key}: the suite sets it, a config cannot"
        elif name in known:
            yield from _faults(key, value, known[name].hint)
        elif not is_open:
            owner = target.__name__ if path else "a config"
            yield f"{key}: {owner} has no such setting{did_you_mean(str(name), settable)}"
    for name in settable if not partial else ():
        if known[name].required and name not in given:
            yield f"{_join(path, name)}: missing, must be {notes.describe(known[name].hint)}"


def _faults(path: str, value: object, hint: notes.Hint) -> Iterator[str]:
    """Yield what is wrong with one value and all beneath it."""
    base, metadata = notes.split_annotated(hint)
    if isinstance(value, str) and value == "???":
        yield (
            f"{path}: needs a value, {notes.describe(hint)}"
            if not notes.is_any(base)
            else f"{path}: needs a value"
        )
    elif isinstance(value, Mapping) and "_target_" in value:
        injected = next((item.names for item in metadata if isinstance(item, notes.Injects)), ())
        yield from _node_faults(path, value, injected)
        if base in notes.PLAIN or get_origin(base) is Literal:
            yield f"{path}: must be {notes.describe(hint)}, not a node with a _target_"
    elif notes.is_union(base):
        yield from _union_faults(path, value, base)
    elif _fits(value, base):
        yield from _limit_faults(path, value, hint)
        yield from _item_faults(path, value, base)
    else:
        yield f"{path}={_show(value)}: must be {notes.describe(hint)}{_hint_for(value, base)}"


def _union_faults(path: str, value: object, hint: notes.Hint) -> Iterator[str]:
    tried = {option: list(_faults(path, value, option)) for option in get_args(hint)}
    if all(tried.values()):
        close = [
            option
            for option in tried
            if option is not None and _fits(value, notes.split_annotated(option)[0])
        ]
        deep = isinstance(value, list | dict) and len(close) == 1
        yield from tried[close[0]] if deep else [f"{path}={_show(value)}: must be {notes.describe(hint)}"]


def _limit_faults(path: str, value: object, hint: notes.Hint) -> Iterator[str]:
    limits = notes.ranges(notes.split_annotated(hint)[1])
    if not all(holds(limit, value) for limit in limits):
        yield f"{path}={_show(value)}: must be {notes.describe(hint)}"


def _item_faults(path: str, value: object, base: notes.Hint) -> Iterator[str]:
    """Yield what is wrong inside a list or a mapping."""
    args = [arg for arg in get_args(base) if arg is not ...]
    if isinstance(value, list):
        fixed = get_origin(base) is tuple and ... not in get_args(base) and len(args) > 0
        if fixed and len(value) != len(args):
            yield f"{path}={value}: must have {len(args)} items"
        hints = args if fixed else [args[0] if args else Any] * len(value)
        for i, (item, hint) in enumerate(zip(value, hints, strict=False)):
            yield from _faults(f"{path}[{i}]", item, hint)
    elif isinstance(value, Mapping):
        if notes.is_section(base):
            yield from _call_faults(path, base, value)
        else:
            for name, item in value.items():
                yield from _faults(_join(path, str(name)), item, args[1] if len(args) == 2 else Any)


def _fits(value: object, base: notes.Hint) -> bool:
    """Tell whether a value has the outer form of a hint; items are looked at separately."""
    if notes.is_any(base):
        return True
    if base is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if base is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if base is Path:
        return isinstance(value, str)
    if base in (bool, str, type(None)):
        return isinstance(value, base)
    if base is None:
        return value is None
    if get_origin(base) is Literal:
        return any(type(value) is type(option) and value == option for option in get_args(base))
    if notes.is_list(base):
        return isinstance(value, list)
    return isinstance(value, Mapping) and (notes.is_mapping(base) or notes.is_section(base))


def _hint_for(value: object, base: notes.Hint) -> str:
    """Return what to append for a near miss."""
    if get_origin(base) is Literal and isinstance(value, str):
        near = did_you_mean(value, map(str, get_args(base)))
        return near if near.startswith("; did") else ""
    if base is int and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    if notes.is_section(base) and base.main is not None:
        return f"; write {base.main}: {_show(value)} in it"
    return ""
