"""Compose a configuration, check it, build from it: what the rest of the suite needs of Hydra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict

from rlsuite.config import run_id
from rlsuite.config.schema import Schema, Training
from rlsuite.core.errors import ConfigError

run_id.register()


def conf_dir() -> Path:
    """Return the directory of the shipped yaml files, in a checkout as in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


@contextmanager
def session(config_dir: Path | None = None) -> Iterator[None]:
    """Let Hydra compose from ``conf_dir()`` and the user's ``config_dir``; what was active before comes back."""
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra

    version.setbase("1.3")
    search = create_config_search_path(str(conf_dir()))
    if config_dir is not None:  # where --config-dir puts it: after ours, so a shipped name keeps its meaning
        search.prepend("command-line", f"file://{config_dir.resolve()}", SearchPathQuery(provider="schema"))
    active = GlobalHydra.instance()
    before, active.hydra = active.hydra, None
    try:
        Hydra.create_main_hydra2(task_name="train", config_search_path=search)
        yield
    finally:
        active.hydra = before


def compose(
    overrides: Sequence[str] = (), config_name: str = "config", config_dir: Path | None = None
) -> DictConfig:
    """Compose a config as the command line would, with ``choices`` filled in and without the ``hydra`` part.

    Raises:
        ConfigError: an override names nothing or cannot be read.
    """
    from rlsuite.config.overrides import compose_or_complain, parse

    with session(config_dir):
        parsed, problems = parse(overrides)
        cfg, more = compose_or_complain(parsed, config_name)
    if problems or more or cfg is None:
        raise ConfigError([*problems, *more])
    return without_hydra(cfg)


def without_hydra(cfg: DictConfig) -> DictConfig:
    """Return the part a run sees, with the names of the choices written in."""
    kept = {
        key: cfg._get_node(key) for key in cfg if key != "hydra"
    }  # hydra's part is the largest: not copied
    job = OmegaConf.create(kept, flags={"struct": OmegaConf.is_struct(cfg)})
    with open_dict(job):
        if "choices" in job:
            job["choices"] = OmegaConf.to_container(cfg["choices"], resolve=True)
    return job


def check(cfg: DictConfig, schema: Schema = Training) -> None:
    """Refuse a config that cannot run, before anything is built.

    Raises:
        ConfigError: with every problem found.
    """
    from rlsuite.config.validate import find_problems

    problems = find_problems(cfg, schema)
    if problems:
        raise ConfigError(problems)
