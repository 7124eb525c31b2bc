"""What a run is called: a readable slug and a hash of all that decides its result.

The same settings give the same folder, whatever the command, the sweep or the machine: that is how a command
typed again finds what is already done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from omegaconf import DictConfig, OmegaConf

UNDECIDING = frozenset(
    {"hydra", "hardware", "checkpoint", "choices", "best_models", "wandb", "dry_run", "diagnostics"}
)
"""Top-level keys of a config that never change a result, so two runs that differ only there are one run."""

NAMED = ("env", "algo", "reward", "model")
"""Groups of whose choice the name decides too: two of them may have classes of one name. Techniques are named by their keys."""

CHAINED = frozenset({"technique"})
"""Groups of which several choices can be joined by ``+``."""

Config: TypeAlias = DictConfig | Mapping[str, object]
"""A composed config, or the plain containers it is frozen as."""


def canonical_chain(name: str) -> str:
    """Return the one name of a chain: its parts in order, each once, and ``baseline``, which adds nothing, left out."""
    parts = sorted({part for part in name.split("+")})
    return "+".join([part for part in parts if part != "baseline"] or parts)


def deciding(config: Config) -> dict[str, object]:
    """Return the resolved part of a config that decides the run's result, as plain containers.

    A ``_target_`` counts without its modules: a class that moves is the same choice.
    """
    found: dict[str, object] = {}
    for key in config:
        if key not in UNDECIDING:
            found[str(key)] = without_modules(_resolved(config[key]))
    if not _every(
        found.get("agreement")
    ):  # measured beside learning: while it is off its settings decide nothing
        found.pop("agreement", None)
    names = _resolved(config["choices"]) if "choices" in config else None
    if isinstance(names, Mapping):
        found["choices"] = {group: names[group] for group in NAMED if group in names}
    return found


def _every(agreement: object) -> object:
    return agreement.get("every") if isinstance(agreement, Mapping) else None


def _resolved(value: object) -> object:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def without_modules(value: object) -> object:
    """Return plain containers with the name alone in each ``_target_``: a class that moves stays the same choice."""
    if isinstance(value, Mapping):
        return {
            str(key): str(item).rpartition(".")[2] if key == "_target_" else without_modules(item)
            for key, item in value.items()
        }
    return [without_modules(item) for item in value] if isinstance(value, list | tuple) else value


def _whole(value: object) -> object:
    """Write 1.0 as 1: a yaml's ``gamma: 1`` and a command's ``gamma=1.0`` are the same setting."""
    if isinstance(value, Mapping):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def digest(value: object) -> str:
    """Return 8 hex digits over plain containers, independent of the order of keys and of the form of numbers."""
    return hashlib.sha256(json.dumps(_whole(value), sort_keys=True).encode()).hexdigest()[:8]


def config_hash(config: Config) -> str:
    """Return 8 hex digits over ``deciding``."""
    return digest(deciding(config))


def choice(group: str, root: DictConfig) -> str | None:
    """Return the name chosen in a group, from the config itself or from the job that is running."""
    choices = OmegaConf.select(root, "hydra.runtime.choices")
    if choices is None:
        from hydra.core.hydra_config import HydraConfig

        choices = HydraConfig.get().runtime.choices
    name = choices.get(group)
    return canonical_chain(name) if group in CHAINED and name else name


def run_name(root: DictConfig) -> str:
    """Return ``<env>-<algo>-<technique>-s<seed>-<hash>`` for a composed config (``hydra`` still inside).

    Only the groups the config has; a pre-training is named after its ``model``.
    """
    slug = "-".join(filter(None, (choice(group, root) for group in ("env", "algo", "technique", "model"))))
    return re.sub(r"[^\w.+-]+", "-", f"{slug}-s{root['seed']}-{config_hash(root)}")


def sweep_name(root: DictConfig) -> str:
    """Return the folder a sweep's runs share: the experiment's name, or ``<env>_<algo>`` (or the model's)."""
    pair = "_".join(filter(None, (choice(group, root) for group in ("env", "algo", "model"))))
    return choice("experiment", root) or pair


def evaluation_name(levels: Sequence[float], episodes: int, n_envs: int) -> str:
    """Return 8 hex digits over what decides the numbers of an evaluation: the same settings give the same file."""
    return digest({"levels": list(levels), "episodes": episodes, "n_envs": n_envs})


def _evaluation_name(root: DictConfig) -> str:
    levels = list(root["levels"]) if root["level"] is None else [root["level"]]
    return evaluation_name(levels, root["episodes"], root["n_envs"])


def newest_run(root: str) -> str:
    """Return the folder of the run under ``root`` that finished last; ``no finished run`` in words if there is none."""
    results = sorted(Path(root).glob("*/result.json"), key=lambda path: path.stat().st_mtime)
    runs = [path.parent for path in results if (path.parent / "model.zip").exists()]
    return str(runs[-1]) if runs else f"{root}/<no finished run yet>"


def register() -> None:
    """Make ``${choice:group}``, ``${run_name:}``, ``${sweep_name:}``, ``${evaluation_name:}`` and ``${newest_run:folder}`` known to yaml files."""
    OmegaConf.register_new_resolver(
        "evaluation_name", lambda *, _root_: _evaluation_name(_root_), replace=True
    )
    OmegaConf.register_new_resolver("newest_run", newest_run, replace=True)
    OmegaConf.register_new_resolver("choice", lambda group, *, _root_: choice(group, _root_), replace=True)
    OmegaConf.register_new_resolver("run_name", lambda *, _root_: run_name(_root_), replace=True)
    OmegaConf.register_new_resolver("sweep_name", lambda *, _root_: sweep_name(_root_), replace=True)
