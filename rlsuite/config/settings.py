"""From a checked config to the dataclasses of the schema, and back to the plain containers that are written to disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args, get_type_hints, overload

from omegaconf import DictConfig, OmegaConf

from rlsuite.config.compose import compose
from rlsuite.config.node import Node
from rlsuite.config.schema import CommandSettings, Training, Whole
from rlsuite.config.signature import is_section, split_annotated
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError
from rlsuite.core.sections import Section

Part = TypeVar("Part", bound=Section)


@overload
def compose_settings(overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> Training: ...


@overload
def compose_settings(
    overrides: Sequence[str], schema: type[Whole], config_dir: Path | None = None
) -> Whole: ...


def compose_settings(
    overrides: Sequence[str] = (), schema: type[CommandSettings] = Training, config_dir: Path | None = None
) -> CommandSettings:
    """Return what a command line asks for, composed and checked.

    Raises:
        ConfigError: with every problem found; nothing has been built.
    """
    return checked(compose(overrides, schema.config_name, config_dir), schema)


def checked(cfg: DictConfig, schema: type[Whole]) -> Whole:
    """Return a composed config as the dataclass of its schema, if it can run.

    Raises:
        ConfigError: with every problem found; nothing has been built.
    """
    if problems := find_problems(cfg, schema):
        raise ConfigError(problems)
    return to_settings(cfg, schema)


def to_settings(config: DictConfig | Mapping[str, object], schema: type[Part]) -> Part:
    """Return a checked config as the dataclass that describes it; a mapping with a ``_target_`` becomes a ``Node``."""
    plain = OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
    hints = get_type_hints(schema, include_extras=True)
    return schema(**{str(key): _value(value, hints[str(key)]) for key, value in dict(plain).items()})


def _value(value: object, hint: object) -> object:
    if not isinstance(value, Mapping):
        return value
    base = split_annotated(hint)[0]
    if is_section(base):
        return to_settings(value, base)
    if "_target_" in value:
        return Node.read(value)
    return {key: _value(item, None) for key, item in value.items()}


def to_plain(settings: Section) -> dict[str, object]:
    """Return settings as the resolved yaml holds them: dicts, lists and scalars."""
    hints = get_type_hints(type(settings), include_extras=True)
    found = {name: _plain(value) for name, value in vars(settings).items()}
    return {name: value for name, value in found.items() if value is not None or not _is_choice(hints[name])}


def _is_choice(hint: object) -> bool:
    """Tell whether a hint is that of a group from which nothing may be chosen: a yaml then has no such key."""
    return Node in get_args(split_annotated(hint)[0])


def _plain(value: object) -> object:
    if isinstance(value, Node):
        return value.plain
    if isinstance(value, Section):
        return to_plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
