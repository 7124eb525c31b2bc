"""Signatures as schemas: what a parameter accepts, in words and as data."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import BaseMetadata

from rlsuite.core.ranges import in_words
from rlsuite.core.sections import Section

Hint: TypeAlias = Any
"""What an annotation says: a type, ``Annotated``, a union, ``Literal``, ...; Python has no type for all of them."""
PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    types.NoneType: "null",
}


@dataclass(frozen=True)
class Injects:
    """Metadata for ``Annotated``: names the suite passes to the constructor, so no yaml may give them."""

    names: tuple[str, ...]


class Parameter(NamedTuple):
    """One argument of a constructor: its annotation, whether it has no default, and that default."""

    hint: Hint
    required: bool
    default: Any


def _hint(annotation: Hint, module: Any) -> Any:
    """Evaluate one annotation; a name imported only for type checking accepts anything."""
    holder = types.SimpleNamespace(__annotations__={"value": annotation})
    try:
        return get_type_hints(holder, globalns=module, include_extras=True)["value"]
    except Exception:
        return Any


def parameters(target: Callable[..., Any]) -> tuple[dict[str, Parameter], bool]:
    """Return the named parameters of a class or function, and whether it takes any others (``**kwargs``)."""
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    module = getattr(function, "__globals__", {})
    found, is_open = {}, False
    for name, parameter in inspect.signature(target).parameters.items():
        is_open |= parameter.kind is parameter.VAR_KEYWORD
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            hint = Any if parameter.annotation is parameter.empty else _hint(parameter.annotation, module)
            found[name] = Parameter(hint, parameter.default is parameter.empty, parameter.default)
    return found, is_open


def split_annotated(hint: Hint) -> tuple[Any, tuple[Any, ...]]:
    """Split ``Annotated[T, ...]`` into T and its metadata."""
    return (get_args(hint)[0], hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())


def ranges(metadata: Sequence[Any]) -> list[Any]:
    """Return the range metadata (``Gt`` and its kin)."""
    return [item for item in metadata if isinstance(item, BaseMetadata)]


def is_any(hint: Hint) -> bool:
    """Tell whether a hint accepts everything."""
    return hint in (Any, object) or isinstance(hint, TypeVar)


def is_union(hint: Hint) -> bool:
    """Tell whether a hint is a union (or optional)."""
    return get_origin(hint) in (Union, types.UnionType)


def is_list(hint: Hint) -> bool:
    """Tell whether a hint asks for a list, a tuple or another sequence."""
    origin = get_origin(hint) or hint
    return (
        inspect.isclass(origin)
        and origin not in (str, bytes)
        and issubclass(origin, Sequence | set | frozenset)
    )


def is_mapping(hint: Hint) -> bool:
    """Tell whether a hint asks for a mapping."""
    origin = get_origin(hint) or hint
    return inspect.isclass(origin) and issubclass(origin, Mapping)


def is_section(hint: Hint) -> bool:
    """Tell whether a hint is a ``Section``."""
    return inspect.isclass(hint) and issubclass(hint, Section)


def section_of(hint: Hint) -> type[Section] | None:
    """Return the section that a hint asks for, alone or beside null; None if it asks for something else."""
    base = split_annotated(hint)[0]
    options = [split_annotated(option)[0] for option in get_args(base)] if is_union(base) else [base]
    return next((option for option in options if is_section(option)), None)


def describe(hint: Hint) -> str:
    """Say in words what a hint accepts, as in "must be ..."."""
    base, metadata = split_annotated(hint)
    limits = " and ".join(in_words(item) for item in ranges(metadata))
    if limits:
        return f"{describe(base)} {limits}"
    if base in PLAIN:
        return PLAIN[base]
    if is_union(base):
        return " or ".join(describe(option) for option in get_args(base))
    if get_origin(base) is Literal:
        options = [str(option) for option in get_args(base)]
        return options[0] if len(options) == 1 else f"one of {', '.join(options)}"
    if is_list(base):
        return "a list"
    return "a group of settings" if is_section(base) or is_mapping(base) else "a node with a _target_"
