"""The config of a run as it was submitted: written once, and nothing that decides the result ever changes in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from omegaconf import DictConfig, OmegaConf

from rlsuite.config import moved
from rlsuite.config.run_id import deciding
from rlsuite.config.schema import Settings
from rlsuite.config.settings import plain, read
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.core.io import write_text

CONFIG_FILE = "config.yaml"
Whole = TypeVar("Whole", bound=Settings)


def freeze(settings: Settings, folder: Path) -> None:
    """Write the resolved config; what decides no result (hardware, cadence of checkpoints) may change later.

    Raises:
        UserError: If the folder holds another experiment, naming the keys that differ.
    """
    new = plain(settings)
    path, text = folder / CONFIG_FILE, OmegaConf.to_yaml(OmegaConf.create(new))
    if path.exists():
        old = path.read_text()
        if old == text:
            return
        try:
            differing = list(_differing(deciding(OmegaConf.create(old)), deciding(new)))
        except Exception as error:
            raise UserError(f"{path} is no frozen config of rlsuite: {error}") from error
        if differing:
            raise UserError(
                f"{folder} holds another experiment; it differs in {', '.join(differing)}. Choose another "
                "hydra.run.dir, or remove that folder."
            )
    write_text(path, text)


def thaw(folder: Path, schema: type[Whole]) -> Whole:
    """Return the settings frozen in ``folder``.

    Raises:
        UserError: If there are none, or what they name is called otherwise by now.
    """
    path = folder / CONFIG_FILE
    if not path.exists():
        raise UserError(
            f"{folder} is no run folder: it has no {CONFIG_FILE}. Give the folder of a run with run=<folder>"
        )
    cfg = OmegaConf.load(path)
    assert isinstance(cfg, DictConfig)
    if problems := find_problems(cfg, schema, pairs=False):
        raise UserError(
            f"{path} was written by another version of rlsuite: {'; '.join(list(moved.among(problems)) or problems)}. "
            "Change it there if you know what it meant, or run it with that version"
        )
    return read(cfg, schema)


def _differing(old: object, new: object, prefix: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}, key=str):
            yield from _differing(old.get(key), new.get(key), f"{prefix}{key}.")
    elif old != new:
        yield f"{prefix.rstrip('.')} ({old} there, {new} now)"
