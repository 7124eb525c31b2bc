"""Rules about two choices at once: an algorithm and an env, an algorithm and a technique; the device, and optional packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Literal, get_args, get_origin

from rlsuite.config.instantiate import locate, located, nodes
from rlsuite.config.machine import tracking_problem
from rlsuite.config.moved import SHORTCUTS
from rlsuite.config.node import RESERVED
from rlsuite.config.signature import parameters, split_annotated
from rlsuite.config.technique_rules import (
    Plain,
    algo_class,
    levels_of,
    shipped_algorithms,
    technique_class,
    technique_problems,
)
from rlsuite.core.errors import UserError, complaint
from rlsuite.core.interfaces import Agent, Interface, Reward, Task, Technique, Use
from rlsuite.core.interfaces.preview import preview_of

INTERFACES: Mapping[str, type[Interface]] = {
    "env": Task,
    "algo": Agent,
    "technique": Technique,
    "reward": Reward,
}
"""What the choice of each group must be."""


def pair_problems(plain: Plain) -> Iterator[str]:
    """Yield the combinations of a checked config that cannot work together."""
    if strangers := list(_interface_problems(plain)):
        yield from strangers
        return
    if "env" in plain and "algo" in plain:
        yield from _action_problem(plain)
        yield from _other_problems(plain)
    if "model" in plain:
        yield from _play_problem(plain)
    yield from _part_problems(plain)
    yield from tracking_problem(plain.get("wandb", {}).get("mode", "disabled"))


def _interface_problems(plain: Plain) -> Iterator[str]:
    """Yield the choices that do not derive from their group's interface, whose hooks nobody could call."""
    for group, interface in INTERFACES.items():
        node = plain.get(group) or {}
        for key, one in node.items() if group == "technique" else [("", node)]:
            if one:
                where = f"{group}.{key}" if key else group
                for problem in complaint(partial(located, one, interface)):
                    yield f"{where}._target_: {problem}"


def _env(plain: Plain) -> type[Task]:
    return located(plain["env"], Task)


def _named(plain: Plain) -> str:
    """Return the pair as it is typed."""
    names = plain.get("choices", {})
    return f"algo={names.get('algo')} with env={names.get('env')}"


def _action_problem(plain: Plain) -> Iterator[str]:
    if _can_act(plain):
        return
    ways = [*_env_ways(plain), *_algo_ways(plain)]
    kinds = " or ".join(sorted(algo_class(plain).action_kinds or ()))
    yield (
        f"{_named(plain)}: the env takes {_env(plain).action_kind(**_settings(plain['env']))} actions, "
        f"the algorithm {kinds} ones{'; take ' + ' or '.join(ways) if ways else ''}"
    )


def _can_act(plain: Plain) -> bool:
    """Tell whether the algorithm gives the kind of action that the env takes, as far as they say."""
    kinds, kind = algo_class(plain).action_kinds, _env(plain).action_kind(**_settings(plain["env"]))
    return kinds is None or kind is None or kind in kinds


def _other_problems(plain: Plain) -> Iterator[str]:
    """Yield what is wrong between env, algorithm, technique and reward beside the kind of action."""
    yield from technique_problems(plain)
    yield from _need_problems(plain)
    yield from _observation_problems(plain)
    yield from _use_problems(plain)


def _accepted(plain: Plain) -> bool:
    return _can_act(plain) and not any(_other_problems(plain))


def _play_problem(plain: Plain) -> Iterator[str]:
    """Yield that a model learns from play and has no env, or the other way round."""
    plays, name = (
        "task" in parameters(locate(plain["model"]["_target_"]))[0],
        plain.get("choices", {}).get("model"),
    )
    if plays and not plain.get("env"):
        yield f"model={name}: it learns from play, so it needs an env; add env=cartpole"
    if plain.get("env") and not plays:
        yield f"env={plain['choices'].get('env')} with model={name}: it plays nothing; leave out env="


def _settings(node: Plain) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in RESERVED}


def _env_ways(plain: Plain) -> Iterator[str]:
    """Yield the settings of the env, one Literal changed, with which the command would be accepted."""
    env = plain["env"]
    for name, parameter in parameters(_env(plain))[0].items():
        hint = split_annotated(parameter.hint)[0]
        for value in get_args(hint) if get_origin(hint) is Literal else ():
            if _accepted({**plain, "env": {**env, name: value}}):
                yield f"env.{name}={value}"


def _algo_ways(plain: Plain) -> Iterator[str]:
    """Yield the shipped algorithms with which, as their yaml has them, the command would be accepted."""
    for name, node in shipped_algorithms():
        if _accepted({**plain, "algo": node, "choices": {**plain.get("choices", {}), "algo": name}}):
            yield f"algo={name}"


def _need_problems(plain: Plain) -> Iterator[str]:
    """Yield rewards and algorithms that need what the env does not offer, such as images."""
    names = plain.get("choices", {})
    for group, usual in (("reward", "env"), ("algo", "ppo")):
        if group in plain:
            part = located(plain["reward"], Reward) if group == "reward" else algo_class(plain)
            if not_installed := part.needs - _env(plain).offers:
                yield (
                    f"{group}={names.get(group)} with env={names.get('env')}: it needs {', '.join(sorted(not_installed))}s, "
                    f"which that env does not give; take {group}={usual}"
                )


def _observation_problems(plain: Plain) -> Iterator[str]:
    """Yield settings of the algorithm, and techniques, that cannot read what the env shows (see ``Agent``), such as a CNN for vectors."""
    names, algo = plain.get("choices", {}), algo_class(plain)
    kind = _env(plain).observation_kind(**_settings(plain["env"]))
    if kind is None:
        return
    for name, node in plain.get("technique", {}).items():
        legible = technique_class(node).reads
        if legible is not None and kind not in legible:
            yield (
                f"technique={name} with env={names.get('env')}: it reads {' or '.join(sorted(legible))} observations, "
                f"the env gives {kind} ones; take technique=dr"
            )
    for key, value in _leaves(_settings(plain["algo"])):
        for name in (f"{key}={value}", key if value is not None else ""):
            if kind not in algo.reads.get(name, {kind}):
                default = _default(algo, key)
                yield (
                    f"algo.{_short(key)}={value} with env={names.get('env')}: it reads {' or '.join(sorted(algo.reads[name]))} observations, "
                    f"the env gives {kind} ones; take algo.{_short(key)}={'null' if default is None else default}"
                )


def _leaves(settings: Plain, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys of nested settings with their values."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _short(key: str) -> str:
    """Return a section's own key for its main field: what one types."""
    return next(
        (short for short, full in SHORTCUTS.items() if full == f"algo.{key}"), f"algo.{key}"
    ).removeprefix("algo.")


def _default(algo: type[Agent], key: str) -> Any:
    """Return the default of a setting, of one in a section by its dotted key."""
    name, _, field = key.partition(".")
    default = parameters(algo)[0][name].default
    return vars(default)[field] if field else default


def _use_problems(plain: Plain) -> Iterator[str]:
    """Yield why the env cannot be used so, the algorithm not learn with its settings, the reward not pay with its own."""
    for problem in _env(plain).problems(_use(plain), **_outlined(plain["env"])):
        # what is said of the reward names its own key, and the algorithm has no part in it
        yield problem if problem.startswith("reward.") else f"{_named(plain)}: {problem}"
    for node in (plain["algo"], plain.get("reward")):
        if node:
            yield from located(node, Interface).problems(**_settings(node))


def _use(plain: Plain) -> Use:
    """Return the levels that are trained, evaluated or measured on, and the reward."""
    measured = plain.get("agreement", {})
    levels = {level for node in plain.get("technique", {}).values() for level in levels_of(node)}
    levels |= set(plain.get("evaluation", {}).get("levels", ()))
    levels |= set(measured["levels"] if measured.get("every") else ())
    return Use(tuple(sorted(levels)), plain.get("reward", {}))


def _outlined(node: Plain) -> dict[str, Any]:
    """Return the settings of a node; a loader among them stands there as the outline of what it would load."""
    settings = _settings(node)
    for name, value in settings.items():
        if isinstance(value, Mapping) and "_target_" in value:
            preview = preview_of(locate(value["_target_"]))
            with suppress(UserError):  # something is not there: ``_part_problems`` says what
                settings[name] = preview.outline(**_settings(value)) if preview else value
    return settings


def _part_problems(plain: Plain) -> Iterator[str]:
    """Yield what the parts of a choice, the nodes in its settings, cannot do or do not find on this machine."""
    for group in ("env", "algo", "reward"):
        for node in nodes(list(_settings(plain.get(group) or {}).values())):
            target = locate(node["_target_"])
            derives = isinstance(target, type) and issubclass(target, Interface)
            asked = located(node, Interface) if derives else preview_of(target)
            for problem in asked.problems(**_settings(node)) if asked else ():
                yield f"{group}={plain.get('choices', {}).get(group)}: {problem}"
