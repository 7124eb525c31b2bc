"""Files of encoders: safetensors that also say how to rebuild the module; those that ship with the package go by name."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from rlsuite.core.errors import UserError
from rlsuite.representation.encoder import Encoder, EncoderConfig

ENCODER_WEIGHTS = Path(__file__).parent / "weights"
ENCODER_KIND = "rlsuite sprites encoder 1"
"""The kind of file and its layout's version: the one entry of its metadata, since safetensors writes several in any order, and
the same weights should be the same bytes."""


def presets() -> tuple[str, ...]:
    """Return the names of the encoders that ship with the package."""
    return tuple(sorted(file.stem for file in ENCODER_WEIGHTS.glob("*.safetensors")))


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Write weights and config."""
    tensors = {name: value.contiguous() for name, value in encoder.state_dict().items()}
    config = json.dumps(dataclasses.asdict(encoder.config))
    save_file(tensors, path, metadata={ENCODER_KIND: config})
    path.chmod(0o644)  # safetensors makes it private to its writer


def find_encoder(path: str | Path) -> Path:
    """Return the file that ``load_encoder`` would open.

    Raises:
        UserError: there is none.
    """
    file = ENCODER_WEIGHTS / f"{path}.safetensors" if str(path) in presets() else Path(path)
    file = file / "encoder.safetensors" if file.is_dir() else file
    if not file.is_file():
        raise UserError(
            f"no encoder at {file}; python -m rlsuite.pretrain model=sprites_encoder makes one, "
            f"and by name there are {', '.join(presets()) or 'none'}"
        )
    return file


def load_encoder(path: str | Path) -> Encoder:
    """Rebuild an encoder: float pictures (B, 1, 64, 64) in [0, 1] -> (B, ``features_dim``) features.

    Args:
        path: a file that ``python -m rlsuite.pretrain model=sprites_encoder`` wrote (or its folder), or the name of one that
            ships with the package (see ``presets``).

    Raises:
        UserError: it is missing, damaged, or no encoder's.
    """
    file = find_encoder(path)
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file} is damaged or no safetensors file ({error})") from error
    if ENCODER_KIND not in metadata:
        raise UserError(
            f"{file} holds no sprites encoder: no {ENCODER_KIND!r} among its metadata {sorted(metadata)}"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # building draws random weights that are replaced at once
            encoder = Encoder(EncoderConfig(**json.loads(metadata[ENCODER_KIND])))
        encoder.load_state_dict(tensors)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{file} does not fit the encoder it describes: {error}") from error
    return encoder
