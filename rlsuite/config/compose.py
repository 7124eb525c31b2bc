"""Compose a configuration as the command line would: what the rest of the suite needs of Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from rlsuite.config import run_id
from rlsuite.config.files import conf_dir
from rlsuite.config.hydra_compat import composing, without
from rlsuite.core.errors import ConfigError

run_id.register()


def session(config_dir: Path | None = None) -> AbstractContextManager[None]:
    """Let Hydra compose from ``conf_dir()`` and the user's ``config_dir``: after ours, so a shipped name keeps its meaning."""
    return composing([conf_dir(), *([config_dir] if config_dir else [])])


def compose(
    overrides: Sequence[str] = (), config_name: str = "config", config_dir: Path | None = None
) -> DictConfig:
    """Compose a config as the command line would, with ``choices`` filled in and without the ``hydra`` part.

    Raises:
        ConfigError: an override names nothing or cannot be read.
    """
    from rlsuite.config.overrides import compose_or_complain, parse, spelled_out

    with session(config_dir):
        parsed, problems = parse(spelled_out(overrides, config_name))
        cfg, more = compose_or_complain(parsed, config_name)
    if problems or more or cfg is None:
        raise ConfigError([*problems, *more])
    return without_hydra(cfg)


def without_hydra(cfg: DictConfig) -> DictConfig:
    """Return the part a run sees, with the names of the choices written in."""
    job = without(cfg, "hydra")  # the largest part
    with open_dict(job):
        if "choices" in job:
            job["choices"] = OmegaConf.to_container(cfg["choices"], resolve=True)
    return job
