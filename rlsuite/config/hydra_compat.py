"""All of Hydra and OmegaConf that is not their public interface: what a new version of them may break stands here."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

VERSION_BASE = "1.3"


@contextmanager
def composing(search: Sequence[Path]) -> Iterator[None]:
    """Let Hydra compose from folders, of which an earlier one counts more; what was active before comes back."""
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.config_search_path import SearchPathQuery
    from hydra.core.global_hydra import GlobalHydra

    version.setbase(VERSION_BASE)
    first, *others = search
    path = create_config_search_path(str(first))
    for folder in others:  # where --config-dir puts it
        path.prepend("command-line", f"file://{folder.resolve()}", SearchPathQuery(provider="schema"))
    active = GlobalHydra.instance()
    before, active.hydra = active.hydra, None
    try:
        Hydra.create_main_hydra2(task_name="train", config_search_path=path)
        yield
    finally:
        active.hydra = before


def argument_parser() -> ArgumentParser:
    """Return the parser of a command line as ``hydra.main`` reads it."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


def decorated(task: Callable[[DictConfig], None], config_dir: Path, config_name: str) -> Callable[[], None]:
    """Return what runs a command line through Hydra: ``task`` is called with each composed config."""
    import hydra

    main = hydra.main(config_path=str(config_dir), config_name=config_name, version_base=VERSION_BASE)
    return main(task)


def is_multirun(cfg: DictConfig) -> bool:
    """Tell whether a config asks for a sweep by itself, without ``-m``."""
    return str(cfg.hydra.mode).endswith("MULTIRUN")


def is_grid(cfg: DictConfig) -> bool:
    """Tell whether the sweep is Hydra's own, whose jobs are all known beforehand."""
    return str((cfg.hydra.get("sweeper") or {}).get("_target_", ".BasicSweeper")).endswith(".BasicSweeper")


def launcher_name(cfg: DictConfig) -> str:
    """Return the name of the launcher chosen."""
    return str(cfg.hydra.runtime.choices["hydra/launcher"])


def plain_launcher(cfg: DictConfig) -> dict[str, object]:
    """Return the settings of the launcher chosen."""
    found = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def grid(axes: Sequence[object]) -> list[list[str]]:
    """Return the overrides of every job of a grid, as Hydra's basic sweeper makes them from parsed overrides."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    jobs = BasicSweeper.split_arguments(list(axes), max_batch_size=None)[0]
    return [list(job) for job in jobs]


def without(cfg: DictConfig, key: str) -> DictConfig:
    """Return a config without one of its keys, whose node is neither resolved nor copied."""
    kept = {name: cfg._get_node(name) for name in cfg if name != key}
    return OmegaConf.create(kept, flags={"struct": OmegaConf.is_struct(cfg)})


def settable(cfg: DictConfig, path: str = "", but: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the dotted keys below a config, outermost first, without those of ``but`` and those that begin with ``_``."""
    for name in cfg:
        key = f"{path}.{name}" if path else str(name)
        if key in but or str(name).startswith("_"):
            continue
        value = cfg._get_node(name)
        yield key
        if isinstance(value, DictConfig) and not value._is_none() and not value._is_missing():
            yield from settable(value, key, but)
