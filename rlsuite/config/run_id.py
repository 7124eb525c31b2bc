"""What a run is called: a readable slug and a hash of all that decides its result.

The same settings give the same folder, whatever the command, the sweep or the machine: that is how a command
typed again finds what is already done.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rlsuite.core.names import UNDECIDING, canonical

CHAINED = frozenset({"technique"})
"""Groups of which several choices can be joined by ``+``."""


def deciding(cfg: DictConfig) -> dict[str, Any]:
    """Return the resolved part of a config that decides the run's result, as plain containers."""
    found: dict[str, Any] = {}
    for key in cfg:
        # agreement is measured beside learning: while it is off its settings decide nothing
        if key not in UNDECIDING and not (key == "agreement" and not cfg.agreement.every):
            value = cfg[key]
            found[str(key)] = (
                OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            )
    return found


def _whole(value: Any) -> Any:
    """Write 1.0 as 1: a yaml's ``gamma: 1`` and a command's ``gamma=1.0`` are the same setting."""
    if isinstance(value, Mapping):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def config_hash(cfg: DictConfig) -> str:
    """Return 8 hex digits over ``deciding``, independent of the order of keys."""
    text = json.dumps(_whole(deciding(cfg)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def choice(group: str, root: DictConfig) -> str | None:
    """Return the name chosen in a group, from the config itself or from the job that is running."""
    choices = OmegaConf.select(root, "hydra.runtime.choices")
    if choices is None:
        from hydra.core.hydra_config import HydraConfig

        choices = HydraConfig.get().runtime.choices
    name = choices.get(group)
    return canonical(name) if group in CHAINED and name else name


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


def evaluation_settings(cfg: DictConfig) -> dict[str, Any]:
    """Return what decides the numbers of an evaluation of a given run."""
    levels = list(cfg.levels) if cfg.level is None else [cfg.level]
    return {"levels": levels, "episodes": cfg.episodes, "n_envs": cfg.n_envs}


def evaluation_name(cfg: DictConfig) -> str:
    """Return 8 hex digits over an evaluation's settings: the same ones give the same file."""
    return hashlib.sha256(json.dumps(_whole(evaluation_settings(cfg)), sort_keys=True).encode()).hexdigest()[
        :8
    ]


def newest_run(root: str) -> str:
    """Return the folder of the run under ``root`` that finished last; ``no finished run`` in words if there is none."""
    results = sorted(Path(root).glob("*/result.json"), key=lambda path: path.stat().st_mtime)
    runs = [path.parent for path in results if (path.parent / "model.zip").exists()]
    return str(runs[-1]) if runs else f"{root}/<no finished run yet>"


def register() -> None:
    """Make ``${choice:group}``, ``${run_name:}``, ``${sweep_name:}``, ``${evaluation_name:}`` and ``${newest_run:folder}`` known to yaml files."""
    OmegaConf.register_new_resolver(
        "evaluation_name", lambda *, _root_: evaluation_name(_root_), replace=True
    )
    OmegaConf.register_new_resolver("newest_run", newest_run, replace=True)
    OmegaConf.register_new_resolver("choice", lambda group, *, _root_: choice(group, _root_), replace=True)
    OmegaConf.register_new_resolver("run_name", lambda *, _root_: run_name(_root_), replace=True)
    OmegaConf.register_new_resolver("sweep_name", lambda *, _root_: sweep_name(_root_), replace=True)
