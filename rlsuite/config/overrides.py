"""Read a command's overrides: compose them, or say everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsuite.config import moved
from rlsuite.config.hydra_compat import settable
from rlsuite.config.run_id import CHAINED
from rlsuite.core.suggestions import did_you_mean, nearest_keys, nearest_name

COMPOSE_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError)
OPTIONAL_GROUPS = frozenset({"experiment"})  # groups although they may be empty
NOT_SET = frozenset({"hydra", "choices"})  # keys that no override of a run sets
NEEDED_GROUPS = frozenset({"env", "algo", "technique", "reward", "hardware"})


def _loader() -> ConfigLoader:
    from hydra.core.global_hydra import GlobalHydra

    return GlobalHydra.instance().config_loader()


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[str]]:
    """Parse each override by itself, so that one syntax error hides no other problem."""
    parser = OverridesParser.create(config_loader=_loader())
    parsed, problems = [], []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except OverrideParseException as error:
            reason = str(error.message).splitlines()[0]
            problems.append(f"{text}: cannot be read as key=value ({reason})")
    return parsed, problems


def spelled_out(overrides: Sequence[str], config_name: str) -> list[str]:
    """Return overrides with every shortcut in full: ``algo.network=nature`` is ``algo.network.name=nature``.

    Hydra would put the plain value in the place of the whole section, and what else is set in it, by a tuned file say, were lost.
    """
    if not any(map(_shortened, overrides)):
        return list(overrides)
    parsed, _ = parse([text for text in overrides if not _shortened(text)])
    base, _ = compose_or_complain([item for item in parsed if not item.is_sweep_override()], config_name)
    return [_in_full(text, base) if base is not None else text for text in overrides]


def _shortened(text: str) -> bool:
    key, _, value = text.partition("=")
    return key in moved.ALIASES or (key in moved.SHORTCUTS and not value.startswith("{"))


def _in_full(text: str, base: DictConfig) -> str:
    key, _, value = text.partition("=")
    if _shortened(text) and key in moved.SHORTCUTS and _is_section(base, key):
        return f"{moved.SHORTCUTS[key]}={value}"
    if key in moved.ALIASES and _exists(base, moved.ALIASES[key]):
        return f"{moved.ALIASES[key]}={value}"
    return text


def _is_section(base: DictConfig, key: str) -> bool:
    return _exists(base, key) and isinstance(OmegaConf.select(base, key), DictConfig)


def compose_or_complain(
    overrides: Sequence[Override], config_name: str
) -> tuple[DictConfig | None, list[str]]:
    """Compose; if Hydra refuses, list what is wrong and compose the rest.

    A wrong choice is replaced by the one that was probably meant, so that the settings under it are checked
    against the right thing; if none is near, they are left out.

    Returns:
        The config with its ``hydra`` part (None if nothing can be composed), and the problems.
    """
    problems = [problem for override in overrides for problem in _group_problems(override)]
    try:
        if not problems and not any(map(_moved, overrides)):
            return _compose(overrides, config_name), []
    except COMPOSE_ERRORS:
        pass
    groups = [override for override in overrides if _options(override) is not None]
    good = [mended for override in groups if (mended := _mend(override)) is not None]
    unknown = tuple(f"{override.key_or_group}." for override in groups if _mend(override) is None)
    try:
        base = _compose(good, config_name)
        for override in (item for item in overrides if item not in groups):
            if override.key_or_group.startswith(unknown):
                continue
            problem = _value_problem(override, base)
            problems += [problem] if problem else []
            good += [] if problem else [override]
        return _compose(good, config_name), problems
    except COMPOSE_ERRORS as error:
        return None, [*problems, _first_line(error)]


def _compose(overrides: Sequence[Override], config_name: str) -> DictConfig:
    from hydra import compose

    lines = [str(override.input_line) for override in overrides]
    return compose(config_name=config_name, overrides=lines, return_hydra_config=True)


def _first_line(error: Exception) -> str:
    """Return what Hydra or OmegaConf said, on one line."""
    reason = error.__cause__ if error.__cause__ is not None and not str(error) else error
    line = " ".join(str(reason).split("\nfull_key")[0].split("\nSearch path")[0].split())
    return line + ("; pip install 'rlsuite[optuna]'" if "hydra/sweeper/optuna" in line else "")


def _options(override: Override) -> list[str] | None:
    """Return the choices of the group an override names, or None if it names no group."""
    options = _group_options(_loader(), override.key_or_group)
    return list(options) if options or override.key_or_group in OPTIONAL_GROUPS else None


@lru_cache(maxsize=256)  # a sweep asks for the same few groups once a job, and each answer reads all folders
def _group_options(loader: ConfigLoader, group: str) -> tuple[str, ...]:
    return tuple(sorted(loader.get_group_options(group)))


def _choice(override: Override) -> object:
    return None if override.is_delete() or override.is_sweep_override() else override.value()


def _group_problems(override: Override) -> Iterator[str]:
    options, group = _options(override), override.key_or_group
    if options is None:
        return
    value = _choice(override)
    if isinstance(value, list | dict):
        yield f"{override.input_line}: one choice at a time; to run several, -m {group}=a,b"
    elif value is None and not override.is_sweep_override() and group in NEEDED_GROUPS:
        yield f"{override.input_line}: every run needs a choice of {group}{did_you_mean('', options)}"
    elif value is not None and (said := moved.now(group, value)):
        yield said
    elif value is not None:
        for part in _parts(group, str(value)):
            if part not in options:
                name = f"no such choice{f' as {part or chr(39) * 2}' if part != str(value) else ''}"
                yield f"{group}={value}: {name}{did_you_mean(part, options)}"


def _parts(group: str, value: str) -> list[str]:
    return value.split("+") if group in CHAINED else [value]


def _mend(override: Override) -> Override | None:
    """Return a right override as it is, else one of the nearest choice, or None if none is near."""
    if not list(_group_problems(override)):
        return override
    group, options = override.key_or_group, _options(override) or []
    near = [p if p in options else nearest_name(p, options) for p in _parts(group, str(_choice(override)))]
    return parse([f"{group}={'+'.join(map(str, near))}"])[0][0] if all(near) else None


def _value_problem(override: Override, base: DictConfig) -> str | None:
    """Say why ``base`` has no place for an override of a value."""
    key = override.key_or_group
    exists = _exists(base, key)
    if (said := _moved(override)) and (not exists or "=" in said.partition(" ")[0]):
        return said
    if override.is_force_add() or (override.is_add() and not exists) or (exists and not override.is_add()):
        return None
    if override.is_add():
        return f"{override.input_line}: {key} is there already; drop the +"
    names = [*settable(base, but=NOT_SET), *_loader().list_groups("")]
    if key.startswith("hydra."):
        names = list(settable(base.hydra, "hydra"))
    near = nearest_keys(key, names)
    chosen = [
        name for name in near if name.partition(".")[0] in NEEDED_GROUPS
    ]  # more often meant than a section
    said = " or ".join(chosen or near)
    return f"{key}: no such setting{f'; did you mean {said}?' if said else ''}"


def _moved(override: Override) -> str | None:
    """Say what a key, or a value of it, is called today."""
    return moved.now(override.key_or_group, _choice(override))


def _exists(cfg: DictConfig, key: str) -> bool:
    parent, _, leaf = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if isinstance(node, ListConfig):
        return leaf.isdigit() and int(leaf) < len(node)
    return isinstance(node, DictConfig) and leaf in node.keys()  # noqa: SIM118 - `in` is False for ???
