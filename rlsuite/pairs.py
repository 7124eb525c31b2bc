"""Rules about two choices at once: an algorithm and an env, an algorithm and a technique; and the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from omegaconf import OmegaConf

from rlsuite.annotations import parameters, split
from rlsuite.check import RESERVED
from rlsuite.targets import TargetError, locate


def pair_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield the combinations of a checked config that cannot work together."""
    if "env" in plain and "algo" in plain:
        yield from _action_problem(plain)
        yield from _technique_problem(plain)
        yield from _need_problems(plain)


def _action_problem(plain: Mapping[str, Any]) -> Iterator[str]:
    kinds = getattr(locate(plain["algo"]["_target_"]), "action_kinds", None)
    kind = _action_kind(plain["env"])
    if kinds is None or kind is None or kind in kinds:
        return
    names = plain.get("choices", {})
    ways = [*_env_ways(plain["env"], kinds), *_algo_ways(kind)]
    yield (
        f"algo={names.get('algo')} with env={names.get('env')}: the env takes {kind} actions, the algorithm "
        f"{' or '.join(sorted(kinds))} ones{'; take ' + ' or '.join(ways) if ways else ''}"
    )


def _action_kind(env: Mapping[str, Any]) -> str | None:
    kind = getattr(locate(env["_target_"]), "action_kind", None)
    return kind(**{name: value for name, value in env.items() if name not in RESERVED}) if kind else None


def _env_ways(env: Mapping[str, Any], kinds: frozenset[str]) -> Iterator[str]:
    """Yield the settings of the env, one Literal changed, that give an action the algorithm takes."""
    for name, parameter in parameters(locate(env["_target_"]))[0].items():
        hint = split(parameter.hint)[0]
        for value in get_args(hint) if get_origin(hint) is Literal else ():
            if _action_kind({**env, name: value}) in kinds:
                yield f"env.{name}={value}"


def _algo_ways(kind: str) -> Iterator[str]:
    """Yield the shipped algorithms that take this kind of action."""
    from rlsuite.config import conf_dir

    for file in sorted((conf_dir() / "algo").glob("*.yaml")):
        try:
            kinds = getattr(locate(OmegaConf.load(file)["_target_"]), "action_kinds", None)
        except (TargetError, KeyError):
            continue
        if kinds and kind in kinds:
            yield f"algo={file.stem}"


def _technique_problem(plain: Mapping[str, Any]) -> Iterator[str]:
    served = getattr(locate(plain["algo"]["_target_"]), "techniques", None)
    if served is None:
        return
    for name in plain.get("technique", {}):
        if name not in served:
            yield (
                f"technique={name} with algo={plain['choices']['algo']}: "
                f"the algorithm serves {', '.join(sorted(served)) or 'none'} only"
            )


def _need_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield rewards and algorithms that need what the env does not offer, such as images."""
    names = plain.get("choices", {})
    offers: frozenset[str] = getattr(locate(plain["env"]["_target_"]), "offers", frozenset())
    for group, usual in (("reward", "env"), ("algo", "ppo")):
        if group in plain:
            needs: frozenset[str] = getattr(locate(plain[group]["_target_"]), "needs", frozenset())
            if missing := needs - offers:
                yield (
                    f"{group}={names.get(group)} with env={names.get('env')}: it needs {', '.join(sorted(missing))}s, "
                    f"which that env does not give; take {group}={usual}"
                )


def device_problem(device: str) -> str | None:
    """Say why ``hardware.device`` is not there; None if it is. Imports torch, so only for a device that needs it."""
    if device != "cuda":
        return None
    import torch

    if torch.cuda.is_available():
        return None
    return f"hardware.device={device}: this machine has no CUDA device that torch can use; take hardware=cpu"
