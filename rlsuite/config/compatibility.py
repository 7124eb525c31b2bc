"""Rules about two choices at once: an algorithm and an env, an algorithm and a technique; the device, and optional packages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Literal, get_args, get_origin

from omegaconf import OmegaConf

from rlsuite.config.instantiate import TargetError, locate, nodes
from rlsuite.config.node import RESERVED
from rlsuite.config.signature import parameters, split
from rlsuite.core.errors import UserError


def pair_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield the combinations of a checked config that cannot work together."""
    if "env" in plain and "algo" in plain:
        yield from _action_problem(plain)
        yield from _other_problems(plain)
    if "model" in plain:
        yield from _play_problem(plain)
    yield from _missing_problems(plain)
    yield from _tracking_problem(plain.get("wandb", {}).get("mode", "disabled"))


def _action_problem(plain: Mapping[str, Any]) -> Iterator[str]:
    if _can_act(plain):
        return
    names = plain.get("choices", {})
    ways = [*_env_ways(plain), *_algo_ways(plain)]
    yield (
        f"algo={names.get('algo')} with env={names.get('env')}: the env takes {_told(plain['env'], 'action_kind')} actions, "
        f"the algorithm {' or '.join(sorted(_kinds(plain) or ()))} ones{'; take ' + ' or '.join(ways) if ways else ''}"
    )


def _can_act(plain: Mapping[str, Any]) -> bool:
    """Tell whether the algorithm gives the kind of action that the env takes, as far as they say."""
    kinds, kind = _kinds(plain), _told(plain["env"], "action_kind")
    return kinds is None or kind is None or kind in kinds


def _kinds(plain: Mapping[str, Any]) -> frozenset[str] | None:
    return getattr(locate(plain["algo"]["_target_"]), "action_kinds", None)


def _other_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong between env, algorithm, technique and reward beside the kind of action."""
    yield from _technique_problems(plain)
    yield from _need_problems(plain)
    yield from _observation_problems(plain)
    yield from _refusals(plain)


def _accepted(plain: Mapping[str, Any]) -> bool:
    return _can_act(plain) and not any(_other_problems(plain))


def _play_problem(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield that a model learns from play and has no env, or the other way round."""
    plays, name = (
        "task" in parameters(locate(plain["model"]["_target_"]))[0],
        plain.get("choices", {}).get("model"),
    )
    if plays and not plain.get("env"):
        yield f"model={name}: it learns from play, so it needs an env; add env=cartpole"
    if plain.get("env") and not plays:
        yield f"env={plain['choices'].get('env')} with model={name}: it plays nothing; leave out env="


def _told(env: Mapping[str, Any], method: str) -> str | None:
    """Return what an env's static method tells from its settings; None if it has no such method."""
    tell = getattr(locate(env["_target_"]), method, None)
    return tell(**_settings(env)) if tell else None


def _settings(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in RESERVED}


def _env_ways(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings of the env, one Literal changed, with which the command would be accepted."""
    env = plain["env"]
    for name, parameter in parameters(locate(env["_target_"]))[0].items():
        hint = split(parameter.hint)[0]
        for value in get_args(hint) if get_origin(hint) is Literal else ():
            if _accepted({**plain, "env": {**env, name: value}}):
                yield f"env.{name}={value}"


def _algo_ways(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield the shipped algorithms with which, as their yaml has them, the command would be accepted."""
    for name, node in _algorithms():
        if _accepted({**plain, "algo": node, "choices": {**plain.get("choices", {}), "algo": name}}):
            yield f"algo={name}"


def _algorithms() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the shipped algorithms and their settings."""
    from rlsuite.config.compose import conf_dir

    for file in sorted((conf_dir() / "algo").glob("*.yaml")):
        node = OmegaConf.to_container(OmegaConf.load(file))
        with suppress(TargetError, KeyError):
            locate(node["_target_"])
            yield file.stem, node


def _technique_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield techniques that the algorithm does not serve, that cannot be combined, or whose levels share no envs."""
    algo, names = locate(plain["algo"]["_target_"]), plain.get("choices", {})
    pair = f"with algo={names.get('algo')}"
    served: frozenset[str] | None = getattr(algo, "techniques", None)
    ignored: frozenset[str] = getattr(algo, "ignores", frozenset())
    techniques = {name: node for name, node in plain.get("technique", {}).items() if name not in ignored}
    for name, node in techniques.items():
        if served is not None and name not in served:
            yield f"technique={name} {pair}: the algorithm serves {_listed(served)} only; {technique_matrix()}"
        if len(techniques) > 1 and not getattr(locate(node["_target_"]), "combines", False):
            yield f"technique={names.get('technique')} {pair}: {name} cannot be combined; take it alone"
        others = [
            other for other, settings in techniques.items() if other != name and len(_levels(settings)) > 1
        ]
        if others and getattr(locate(node["_target_"]), "only_levels", False):
            yield f"technique={names.get('technique')} {pair}: {name} adds nothing to {others[0]}, which has levels; leave it out"
    levels = sorted({level for node in techniques.values() for level in _levels(node)})
    if techniques and not levels:
        yield f"technique={names.get('technique')} {pair}: no level to train on; take levels=[0, 0.25, 0.5]"
    elif problem := _n_envs_problem(algo, plain["algo"], levels or [0.0]):
        yield f"technique={names.get('technique')} {pair}: {problem}"


def _n_envs_problem(algo: Any, settings: Mapping[str, Any], levels: Sequence[float]) -> str | None:
    """Say why the levels cannot have equally many envs; None if they can.

    An algorithm whose envs are not ``n_envs`` says by ``envs`` which setting decides them, and how many of it stay together.
    """
    key, together = getattr(algo, "envs", ("n_envs", 1))
    value, unit = settings.get(key), together * len(levels)
    if not isinstance(value, int) or value % unit == 0:
        return None
    near = value - value % unit
    ways = " or ".join(f"algo.{key}={n}" for n in (near + unit, near) if n)
    shown = ", ".join(f"{level:g}" for level in levels)
    envs = f"{value} env{'s' * (value > 1)}" if key == "n_envs" else f"algo.{key}={value}"
    return f"its {len(levels)} level{'s' * (len(levels) > 1)} ({shown}) cannot have equally many of {envs}; take {ways}"


def _levels(node: Mapping[str, Any]) -> Sequence[float]:
    """Return the levels a technique's node says, or those its class has."""
    return node.get("levels", getattr(locate(node["_target_"]), "levels", (0.0,)))


def technique_matrix() -> str:
    """Say which shipped algorithm serves which technique, algorithms that serve the same together."""
    groups: dict[str, list[str]] = {}
    for name, node in _algorithms():
        groups.setdefault(technique_support(locate(node["_target_"])), []).append(name)
    return "; ".join(f"{', '.join(algos)}: {served}" for served, algos in groups.items())


def technique_support(algo: Any) -> str:
    """Say which techniques an algorithm's class serves, and which it leaves out without refusing them."""
    served: frozenset[str] | None = getattr(algo, "techniques", None)
    ignored: frozenset[str] = getattr(algo, "ignores", frozenset())
    without = f" (left out: {_listed(ignored)})" if ignored else ""
    return ("all" if served is None else _listed(served - ignored)) + without


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _need_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield rewards and algorithms that need what the env does not offer, such as images, or has not been given, such as weights."""
    names, env = plain.get("choices", {}), locate(plain["env"]["_target_"])
    offers: frozenset[str] = getattr(env, "offers", frozenset())
    if hasattr(env, "lacks"):
        yield from env.lacks(plain.get("reward", {}), **_settings(plain["env"]))
    for group, usual in (("reward", "env"), ("algo", "ppo")):
        if group in plain:
            needs: frozenset[str] = getattr(locate(plain[group]["_target_"]), "needs", frozenset())
            if missing := needs - offers:
                yield (
                    f"{group}={names.get(group)} with env={names.get('env')}: it needs {', '.join(sorted(missing))}s, "
                    f"which that env does not give; take {group}={usual}"
                )


def _observation_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings of the algorithm, and techniques, that cannot read what the env shows (see ``Agent``), such as a CNN for vectors."""
    names, algo = plain.get("choices", {}), locate(plain["algo"]["_target_"])
    kind = _told(plain["env"], "observation_kind")
    if kind is None:
        return
    for name, node in plain.get("technique", {}).items():
        legible: frozenset[str] = getattr(locate(node["_target_"]), "reads", frozenset({kind}))
        if kind not in legible:
            yield (
                f"technique={name} with env={names.get('env')}: it reads {' or '.join(sorted(legible))} observations, "
                f"the env gives {kind} ones; take technique=dr"
            )
    reads: Mapping[str, frozenset[str]] = getattr(algo, "reads", {})
    for key, value in plain["algo"].items():
        for name in (f"{key}={value}", key if value is not None else ""):
            if kind not in reads.get(name, {kind}):
                default = parameters(algo)[0][key].default
                yield (
                    f"algo.{key}={value} with env={names.get('env')}: it reads {' or '.join(sorted(reads[name]))} observations, "
                    f"the env gives {kind} ones; take algo.{key}={'null' if default is None else default}"
                )


def _refusals(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield why the env cannot be played here, or on a level that is trained, judged or measured on; the algorithm not learn, the reward not pay."""
    names, env = plain.get("choices", {}), locate(plain["env"]["_target_"])
    if hasattr(env, "refusals"):
        measured = plain.get("agreement", {})
        levels = {level for node in plain.get("technique", {}).values() for level in _levels(node)}
        levels |= set(plain.get("evaluation", {}).get("levels", ()))
        levels |= set(measured["levels"] if measured.get("every") else ())
        for problem in env.refusals(sorted(levels), **_outlined(plain["env"])):
            yield f"algo={names.get('algo')} with env={names.get('env')}: {problem}"
    for node in (plain["algo"], plain.get("reward", {})):
        refusals = getattr(locate(node["_target_"]), "refusals", None) if node else None
        yield from refusals(**_settings(node)) if refusals else ()


def _outlined(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a node; a part that tells by ``outline(**yaml)`` what it will be stands there as this outline."""
    settings = _settings(node)
    for name, value in settings.items():
        if isinstance(value, Mapping) and "_target_" in value:
            tell = getattr(locate(value["_target_"]), "outline", None)
            with suppress(UserError):  # something is not there: ``_missing_problems`` says what
                settings[name] = tell(**_settings(value)) if tell else value
    return settings


def _missing_problems(plain: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a part of any choice needs and does not find on this machine, as its static ``missing(**yaml)`` tells."""
    for group in ("env", "algo", "reward"):
        for node in nodes(plain.get(group, {})):
            absent = getattr(locate(node["_target_"]), "missing", None)
            for problem in absent(**_settings(node)) if absent else ():
                yield f"{group}={plain.get('choices', {}).get(group)}: {problem}"


def _tracking_problem(mode: str) -> Iterator[str]:
    if mode != "disabled" and missing("wandb"):
        yield f"wandb.mode={mode}: the package wandb is not installed; pip install 'rlsuite[wandb]'"


def missing(package: str) -> bool:
    """Tell whether a package cannot be imported, without importing it; a folder of its name is not it."""
    spec = find_spec(package)
    return spec is None or spec.origin is None


def device_problem(device: str) -> str | None:
    """Say why ``hardware.device`` is not there; None if it is. Imports torch, so only for a device that needs it."""
    if device != "cuda":
        return None
    import torch

    # ask the driver, not CUDA itself: jobs are forked from this process, and CUDA started here would be broken in them
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    if torch.cuda.is_available():
        return None
    return f"hardware.device={device}: this machine has no CUDA device that torch can use; take hardware=cpu"
