"""From a checked config to the dataclasses of the schema, and back to the plain containers that are written to disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TypeVar, get_type_hints, overload

from omegaconf import DictConfig, OmegaConf

from rlsuite.config.compose import compose
from rlsuite.config.node import Node
from rlsuite.config.schema import Settings, Training
from rlsuite.config.signature import Section, is_section, split_annotated
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import ConfigError

Part = TypeVar("Part", bound=Section)
Whole = TypeVar("Whole", bound=Settings)


@overload
def compose_settings(overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> Training: ...


@overload
def compose_settings(
    overrides: Sequence[str], schema: type[Whole], config_dir: Path | None = None
) -> Whole: ...


def compose_settings(
    overrides: Sequence[str] = (), schema: type[Settings] = Training, config_dir: Path | None = None
) -> Settings:
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
    return read(cfg, schema)


def read(config: DictConfig | Mapping[str, object], schema: type[Part]) -> Part:
    """Return a checked config as the dataclass that describes it; a mapping with a ``_target_`` becomes a ``Node``."""
    plain = OmegaConf.to_container(config, resolve=True) if isinstance(config, DictConfig) else config
    hints = get_type_hints(schema, include_extras=True)
    return schema(**{str(key): _value(value, hints[str(key)]) for key, value in dict(plain).items()})


def _value(value: object, hint: object) -> object:
    if not isinstance(value, Mapping):
        return value
    base = split_annotated(hint)[0]
    if is_section(base):
        return read(value, base)
    if "_target_" in value:
        return Node.read(value)
    return {key: _value(item, None) for key, item in value.items()}


def plain(settings: Section) -> dict[str, object]:
    """Return settings as the resolved yaml holds them: dicts, lists and scalars."""
    assert is_dataclass(settings)
    return {field.name: _plain(vars(settings)[field.name]) for field in fields(settings)}


def _plain(value: object) -> object:
    if isinstance(value, Node):
        return value.plain
    if isinstance(value, Section):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
