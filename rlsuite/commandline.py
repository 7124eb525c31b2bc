"""Read a command's overrides: compose them, or say everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsuite.suggest import did_you_mean, nearest, nearest_key


def _loader() -> Any:
    from hydra.core.global_hydra import GlobalHydra

    return GlobalHydra.instance().config_loader()


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[str]]:
    """Parse each override by itself, so that one syntax error hides no other problem."""
    parser = OverridesParser.create(config_loader=_loader())
    parsed, problems = [], []
    for text in overrides:
        try:
            parsed.append(parser.parse_override(text))
        except OverrideParseException as error:
            reason = str(error.message).splitlines()[0]
            problems.append(f"{text}: not of the form key=value ({reason})")
    return parsed, problems


def compose_or_complain(
    overrides: Sequence[Override], config_name: str
) -> tuple[DictConfig | None, list[str]]:
    """Compose; if Hydra refuses, compose what can be understood and list the rest.

    A wrong choice is replaced by the one that was probably meant, so that the settings under it are judged
    against the right thing.

    Returns:
        The config with its ``hydra`` part (None if there is nothing to judge further), and the problems.
    """
    problems = list(_group_problems(overrides))
    if not problems:
        try:
            return _compose(overrides, config_name), []
        except (HydraException, OmegaConfBaseException):
            pass
    groups = [override for override in overrides if _options(override) is not None]
    mended = [_mend(override) for override in groups]
    try:
        base = _compose([override for override in mended if override is not None], config_name)
    except (HydraException, OmegaConfBaseException) as error:
        return None, [*problems, _first_line(error)]
    guessed = None in mended
    good: list[Override] = [override for override in mended if override is not None]
    for override in (item for item in overrides if item not in groups):
        problem = _value_problem(override, base)
        if problem is None:
            good.append(override)
        elif not guessed:
            problems.append(problem)
    try:
        cfg = None if guessed else _compose(good, config_name)
    except (HydraException, OmegaConfBaseException) as error:
        return None, [*problems, _first_line(error)]
    return cfg, problems


def _compose(overrides: Sequence[Override], config_name: str) -> DictConfig:
    from hydra import compose

    lines = [str(override.input_line) for override in overrides]
    return compose(config_name=config_name, overrides=lines, return_hydra_config=True)


def _first_line(error: Exception) -> str:
    """Return what Hydra or OmegaConf said, on one line."""
    reason = error.__cause__ if error.__cause__ is not None and not str(error) else error
    return " ".join(str(reason).split("\nfull_key")[0].split("\nSearch path")[0].split())


def _options(override: Override) -> list[str] | None:
    """Return the choices of the group an override names, or None if it names no group."""
    options = _loader().get_group_options(override.key_or_group)
    return sorted(options) or None


def _chosen(override: Override) -> list[str]:
    value = None if override.is_delete() or override.is_sweep_override() else override.value()
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item is not None]


def _group_problems(overrides: Sequence[Override]) -> Iterator[str]:
    for override in overrides:
        options = _options(override)
        for name in _chosen(override) if options is not None else ():
            if name not in (options or ()):
                yield f"{override.key_or_group}={name}: no such choice{did_you_mean(name, options or ())}"


def _mend(override: Override) -> Override | None:
    """Return the override with its unknown choice replaced by the nearest one, or None if none is near."""
    options = _options(override) or []
    (name,) = _chosen(override)[:1] or [None]
    if name is None or name in options:
        return override
    near = nearest(name, options)
    return parse([f"{override.key_or_group}={near}"])[0][0] if near else None


def _value_problem(override: Override, base: DictConfig) -> str | None:
    """Say why ``base`` has no place for an override of a value."""
    key = override.key_or_group
    exists = _exists(base, key)
    if override.is_force_add() or (override.is_add() and not exists) or (exists and not override.is_add()):
        return None
    if override.is_add():
        return f"{override.input_line}: {key} is there already; drop the +"
    names = [*leaves(base), *(group for group in _loader().list_groups("") if group != "hydra")]
    near = nearest_key(key, names)
    return f"{key}: no such setting{f'; did you mean {near}?' if near else ''}"


def _exists(cfg: DictConfig, key: str) -> bool:
    parent, _, leaf = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if isinstance(node, ListConfig):
        return leaf.isdigit() and int(leaf) < len(node)
    return isinstance(node, DictConfig) and leaf in node.keys()  # noqa: SIM118 - `in` is False for ???


def leaves(cfg: DictConfig, path: str = "") -> Iterator[str]:
    """Yield the dotted keys a user may set, outermost first and Hydra's own left out."""
    for name in cfg:
        key = f"{path}.{name}" if path else str(name)
        if key in ("hydra", "choices") or str(name).startswith("_"):
            continue
        value = cfg._get_node(name)
        yield key
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_missing():
            yield from leaves(value, key)
