"""Files of pre-trained world models: safetensors that also say how to rebuild what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rlsuite.core.errors import UserError
from rlsuite.worldmodel.memory import MemorySizes
from rlsuite.worldmodel.model import LatentModel
from rlsuite.worldmodel.vision import VisionSizes

MODEL_KIND = "rlsuite world model 1"
"""The one entry of a file's metadata: its settings; safetensors leaves the order of several open."""
VISION = "vision."


class Saved(NamedTuple):
    """``vision`` and ``memory`` are the settings of both (``memory`` empty where a file holds vision alone)."""

    vision: VisionSizes
    memory: MemorySizes
    tensors: dict[str, Tensor]


def save_model(model: LatentModel, vision: VisionSizes, memory: MemorySizes, path: Path) -> None:
    """Write a model, or its vision alone where ``memory`` is empty, with their settings."""
    kept = {n: v.contiguous() for n, v in model.state_dict().items() if memory or n.startswith(VISION)}
    save_file(kept, path, metadata={MODEL_KIND: json.dumps({"vision": vision, "memory": memory})})
    path.chmod(0o644)  # safetensors makes it private to its writer


def read_model(path: str | Path) -> Saved:
    """Return what a file holds.

    Raises:
        UserError: It is missing, damaged, or no world model's.
    """
    file = Path(path) / "model.safetensors" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise UserError(
            f"no world model at {file}; python -m rlsuite.pretrain model=vision env=... (or model=memory) makes one"
        )
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
        settings = json.loads(metadata[MODEL_KIND])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{file} is damaged or no world model's file ({error})") from error
    return Saved(settings["vision"], settings["memory"], tensors)


def load_into(model: LatentModel, saved: Saved, path: str | Path) -> None:
    """Give ``model`` the weights of a file.

    Raises:
        UserError: They do not fit, as those of another env.
    """
    wanted = {n: v for n, v in model.state_dict().items() if n in saved.tensors}
    odd = sorted(n for n, v in saved.tensors.items() if n not in wanted or wanted[n].shape != v.shape)
    if odd:
        raise UserError(f"{path} was made for other observations or actions: {', '.join(odd[:3])} do not fit")
    model.load_state_dict({**model.state_dict(), **saved.tensors})
