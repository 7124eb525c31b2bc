"""Rules about an algorithm and its techniques: which it serves, which may be joined, which levels share its envs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from omegaconf import OmegaConf

from rlsuite.config.files import conf_dir
from rlsuite.config.instantiate import TargetError, locate, located
from rlsuite.core.interfaces import Agent, Technique

Plain = Mapping[str, Any]
"""A node or a config as nested dicts, lists and scalars."""


def technique_problems(plain: Plain) -> Iterator[str]:
    """Yield techniques that the algorithm does not serve, that cannot be combined, or whose levels share no envs."""
    algo, names = algo_class(plain), plain.get("choices", {})
    pair = f"with algo={names.get('algo')}"
    techniques = {name: node for name, node in plain.get("technique", {}).items() if name not in algo.ignores}
    for name, node in techniques.items():
        if algo.techniques is not None and name not in algo.techniques:
            yield f"technique={name} {pair}: the algorithm serves {_listed(algo.techniques)} only; {technique_matrix()}"
        if len(techniques) > 1 and not technique_class(node).combines:
            yield f"technique={names.get('technique')} {pair}: {name} cannot be combined; take it alone"
        others = [other for other, its in techniques.items() if other != name and len(levels_of(its)) > 1]
        if others and technique_class(node).only_levels:
            yield f"technique={names.get('technique')} {pair}: {name} adds nothing to {others[0]}, which has levels; leave it out"
    levels = sorted({level for node in techniques.values() for level in levels_of(node)})
    if techniques and not levels:
        yield f"technique={names.get('technique')} {pair}: no level to train on; take levels=[0, 0.25, 0.5]"
    elif problem := _n_envs_problem(algo, plain["algo"], levels or [0.0]):
        yield f"technique={names.get('technique')} {pair}: {problem}"


def _n_envs_problem(algo: type[Agent], settings: Plain, levels: Sequence[float]) -> str | None:
    """Say why the levels cannot have equally many envs; None if they can."""
    key, together = algo.n_envs_setting
    value, unit = settings.get(key), together * len(levels)
    if not isinstance(value, int) or value % unit == 0:
        return None
    near = value - value % unit
    ways = " or ".join(f"algo.{key}={n}" for n in (near + unit, near) if n)
    shown = ", ".join(f"{level:g}" for level in levels)
    envs = f"{value} env{'s' * (value > 1)}" if key == "n_envs" else f"algo.{key}={value}"
    return f"its {len(levels)} level{'s' * (len(levels) > 1)} ({shown}) cannot have equally many of {envs}; take {ways}"


def levels_of(node: Plain) -> Sequence[float]:
    """Return the levels a technique's node says, or those its class has."""
    return node.get("levels", technique_class(node).levels)


def technique_matrix() -> str:
    """Say which shipped algorithm serves which technique, algorithms that serve the same together."""
    groups: dict[str, list[str]] = {}
    for name, node in shipped_algorithms():
        groups.setdefault(technique_support(located(node, Agent)), []).append(name)
    return "; ".join(f"{', '.join(algos)}: {served}" for served, algos in groups.items())


def technique_support(algo: type[Agent]) -> str:
    """Say which techniques an algorithm's class serves, and which it leaves out without refusing them."""
    without = f" (left out: {_listed(algo.ignores)})" if algo.ignores else ""
    return ("all" if algo.techniques is None else _listed(algo.techniques - algo.ignores)) + without


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def shipped_algorithms() -> Iterator[tuple[str, Plain]]:
    """Yield the shipped algorithms and their settings."""
    for file in sorted((conf_dir() / "algo").glob("*.yaml")):
        node = OmegaConf.to_container(OmegaConf.load(file))
        with suppress(TargetError, KeyError):
            locate(node["_target_"])
            yield file.stem, node


def technique_class(node: Plain) -> type[Technique]:
    """Return the class of a technique's node."""
    return located(node, Technique)


def algo_class(plain: Plain) -> type[Agent]:
    """Return the class of a config's algorithm."""
    return located(plain["algo"], Agent)
