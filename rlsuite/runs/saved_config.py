"""The config of a run as it was submitted: written once, and nothing that decides the result ever changes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rlsuite.config.run_id import deciding
from rlsuite.core.errors import UserError
from rlsuite.core.io import write_text

FILE = "config.yaml"


def freeze(cfg: DictConfig, folder: Path) -> None:
    """Write the resolved config; what decides no result (hardware, cadence of checkpoints) may change later.

    Raises:
        UserError: If the folder holds another experiment, naming the keys that differ.
    """
    path, text = folder / FILE, OmegaConf.to_yaml(cfg, resolve=True)
    if path.exists():
        old = path.read_text()
        if old == text:
            return
        try:
            differing = _differing(deciding(OmegaConf.create(old)), deciding(cfg))
        except Exception as error:
            raise UserError(f"{path} is no frozen config of rlsuite: {error}") from error
        if differing:
            raise UserError(
                f"{folder} holds another experiment; it differs in {', '.join(differing)}. Choose another "
                "hydra.run.dir, or remove that folder."
            )
    write_text(path, text)


def thaw(folder: Path) -> DictConfig:
    """Return the config frozen in ``folder``.

    Raises:
        UserError: If there is none.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(
            f"{folder} is no run folder: it has no {FILE}. Give the folder of a run with run=<folder>"
        )
    cfg = OmegaConf.load(path)
    assert isinstance(cfg, DictConfig)
    return cfg


def _differing(old: Any, new: Any, prefix: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new}, key=str)
        return [d for k in keys for d in _differing(old.get(k), new.get(k), f"{prefix}{k}.")]
    return [] if old == new else [f"{prefix.rstrip('.')} ({old} there, {new} now)"]
