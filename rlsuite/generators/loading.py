"""Weights of generators: safetensors, or a torch file read without running any pickled code."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rlsuite.contracts import UserError
from rlsuite.generators.transformer import VAR, VARConfig
from rlsuite.generators.vqvae import VQVAE, VQVAEConfig, from_mapping


class WeightsError(UserError):
    """A weights file that cannot be used; the message names the file and all that is wrong with it."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """State dict of a ``.safetensors`` or ``.pth`` / ``.pt`` / ``.bin`` file.

    Raises:
        WeightsError: missing, truncated, or holding anything but tensors by name.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file at {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        raise WeightsError(
            f"{path} holds more than tensors (or is no torch file); nothing of it was executed"
        ) from e
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as e:
        raise WeightsError(f"{path} is truncated or no weights file ({str(e).splitlines()[0]})") from e
    if isinstance(state, Mapping):  # trainers wrap the weights by these names
        state = next(
            (state[k] for k in ("model", "module", "state_dict") if isinstance(state.get(k), Mapping)), state
        )
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds no flat state dict of tensors by name")
    return dict(state)


def load_strict(module: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load every tensor, in the module's own precision.

    ``ema_vocab_hit_SV`` counts code usage a scale and is never read; another number of scales is fine there.

    Raises:
        WeightsError: one message with every missing, unexpected and misshapen tensor.
    """
    own, state = module.state_dict(), dict(state)
    for key in own:
        if key.endswith("ema_vocab_hit_SV") and key in state and state[key].shape[1:] == own[key].shape[1:]:
            state[key] = state[key] if state[key].shape == own[key].shape else own[key]
    problems = [
        _listed("missing", sorted(set(own) - set(state))),
        _listed("unexpected", sorted(set(state) - set(own))),
    ]
    shapes = [
        f"{k} is {tuple(state[k].shape)}, not {tuple(v.shape)}"
        for k, v in own.items()
        if k in state and state[k].shape != v.shape
    ]
    problems.append(_listed("misshapen", shapes))
    if any(problems):
        raise WeightsError(
            f"{name} does not fit {article(type(module).__name__)}: " + "; ".join(p for p in problems if p)
        )
    module.load_state_dict(state, strict=True)


def _listed(what: str, names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {what} ({', '.join(names[:most])}{more})" if names else ""


def find(folder: Path, *stems: str) -> Path:
    """The weights file of a folder, by the first of its possible names and in whichever format it is there."""
    names = [f"{stem}{suffix}" for stem in stems for suffix in (".safetensors", ".pth", ".pt", ".bin")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{folder} has none of {', '.join(names)}")


def article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def read_configs(folder: Path, model: str, **classes: type) -> list[Any]:
    """The config dataclasses that ``config.json`` of a folder holds under the given keys.

    Raises:
        WeightsError: no such file, or one that does not describe a ``model``.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        return [from_mapping(cls, config[key]) for key, cls in classes.items()]
    except OSError as e:
        raise WeightsError(f"no config.json in {folder}") from e
    except (ValueError, KeyError, TypeError) as e:
        what = f"{e} is missing" if isinstance(e, KeyError) else e
        raise WeightsError(f"{folder / 'config.json'} does not describe {article(model)}: {what}") from e


def fill(module: nn.Module, folder: Path, *stems: str) -> None:
    """Load the weights file of a folder into a module; ``stems`` are the names it may have."""
    path = find(folder, *stems)
    load_strict(module, read_tensors(path), str(path))


def load_models(folder: Path) -> tuple[VQVAE, VAR]:
    """Tokenizer and transformer of a folder of ``config.json``, ``vae_weights.*`` and ``weights.*``.

    ``config.json`` holds the fields of :class:`VQVAEConfig` under "vqvae" and of :class:`VARConfig` under "var".

    Raises:
        WeightsError: anything missing, damaged or not fitting.
    """
    vae_config, var_config = read_configs(folder, "VAR", vqvae=VQVAEConfig, var=VARConfig)
    with torch.random.fork_rng(devices=[]):  # building draws random weights that are replaced at once
        vae = VQVAE(vae_config)
        var = VAR(var_config, vae_config.vocab_size, vae_config.z_channels)
    fill(vae, folder, "vae_weights")
    fill(var, folder, "weights")
    return vae, var


def save_half(module: nn.Module, path: Path) -> None:
    """Write the weights with 16-bit floats (half the size; loaded back as 32-bit)."""
    state = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    path.chmod(0o644)  # safetensors makes it private to its writer
