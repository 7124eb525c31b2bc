"""Weights of generators: safetensors, or a torch file read without running any pickled code."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from inspect import signature
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rlsuite.core.errors import UserError

GENERATOR_WEIGHTS = Path(__file__).parents[1] / "weights"
"""Where the weights that ship with the package lie, a folder a generator."""
ModelPrecision = Literal["float32", "bfloat16"]
DTYPES: dict[ModelPrecision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Made = TypeVar("Made")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


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
        mapped = zipfile.is_zipfile(path)  # read as it is needed: a large file is never in memory twice
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as e:
        raise WeightsError(
            f"{path} holds more than tensors (or is no torch file); nothing of it was executed"
        ) from e
    except Exception as e:  # whatever reading garbage as a pickle may end in: KeyError, IndexError, ...
        said = f"{type(e).__name__}: {e}".splitlines()[0]
        raise WeightsError(f"{path} is truncated or no weights file ({said})") from e
    if isinstance(state, Mapping):  # trainers wrap the weights by these names
        state = next(
            (state[k] for k in ("model", "module", "state_dict", "vae") if isinstance(state.get(k), Mapping)),
            state,
        )
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds no flat state dict of tensors by name")
    return dict(state)


def load_strict(
    module: nn.Module,
    state: Mapping[str, Tensor],
    name: str,
    *,
    named: Callable[[str], str] = str,
    dtype: torch.dtype | None = None,
) -> None:
    """Load every tensor, in the module's own precision or, where they are floats, in ``dtype``.

    The module may have been built on the "meta" device, without memory: then it has it afterwards.
    ``ema_vocab_hit_SV`` counts code usage a scale and is never read; another number of scales is fine there.

    Args:
        module: what is filled.
        state: the file's tensors.
        name: the file, for messages.
        named: the file's name of a tensor from the module's.
        dtype: precision.

    Raises:
        WeightsError: one message with every missing, unexpected and misshapen tensor.
    """
    own, state = {named(k): v for k, v in module.state_dict().items()}, dict(state)
    for key in own:
        if key.endswith("ema_vocab_hit_SV") and key in state and state[key].shape[1:] == own[key].shape[1:]:
            state[key] = state[key] if state[key].shape == own[key].shape else torch.zeros(own[key].shape)
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

    def converted(key: str, like: Tensor) -> Tensor:
        return state[named(key)].to(dtype if dtype and like.is_floating_point() else like.dtype)

    empty = any(v.is_meta for v in module.state_dict().values())
    module.load_state_dict({k: converted(k, v) for k, v in module.state_dict().items()}, assign=empty)


def without_memory(make: Callable[[], Made]) -> Made:
    """Build modules whose tensors have shapes only, until they are loaded; random streams are left as they were."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return make()


def gigabytes(module: nn.Module, dtype: torch.dtype = torch.float32) -> float:
    """Memory of a module's parameters in 10^9 bytes, in a precision."""
    return sum(p.numel() for p in module.parameters()) * dtype.itemsize / 1e9


def _listed(what: str, names: list[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {what} ({', '.join(names[:most])}{more})" if names else ""


def find_weights(folder: Path, *stems: str) -> Path:
    """The weights file of a folder, by the first of its possible names and in whichever format it is there.

    Raises:
        WeightsError: none is there.
    """
    for stem, suffix in product(stems, SUFFIXES):
        if (folder / f"{stem}{suffix}").is_file():
            return folder / f"{stem}{suffix}"
    raise _lacking(folder, f"{' or '.join(stems)} ({', '.join(SUFFIXES)})")


def _lacking(folder: Path, wanted: str) -> WeightsError:
    what = "no such file" if folder.is_dir() else "no such folder"
    return WeightsError(f"env.generator.path={folder}: {what}; it must hold {wanted}")


def article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def read_configs(folder: Path, model: str, **classes: type) -> list[Any]:
    """The config dataclasses that ``config.json`` of a folder holds under the given keys.

    Raises:
        WeightsError: no such file, or one that does not describe a ``model``.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
        return [from_mapping(cls, config[key]) for key, cls in classes.items()]
    except OSError as e:
        raise _lacking(folder, "config.json") from e
    except (ValueError, KeyError, TypeError) as e:
        what = f"{e} is missing" if isinstance(e, KeyError) else e
        raise WeightsError(f"{folder / 'config.json'} does not describe {article(model)}: {what}") from e


def load_from_folder(
    module: nn.Module,
    folder: Path,
    *stems: str,
    named: Callable[[str], str] = str,
    dtype: torch.dtype | None = None,
) -> None:
    """Load the weights file of a folder into a module; ``stems`` are the names it may have (see :func:`load_strict`)."""
    path = find_weights(folder, *stems)
    load_strict(module, read_tensors(path), str(path), named=named, dtype=dtype)


def save_half(module: nn.Module, path: Path) -> None:
    """Write the weights with 16-bit floats (half the size; loaded back as 32-bit)."""
    state = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    save_file({k: v.contiguous() for k, v in state.items()}, path)
    path.chmod(0o644)  # safetensors makes it private to its writer


def needed(folder: Path, tokenizer: float, transformer: float, keys: float) -> str:
    """One line on the memory that a generator needs: gigabytes of its models, bytes of an image's keys and values."""
    return (
        f"{folder}: {tokenizer + transformer:.2f} GB of memory are needed (tokenizer {tokenizer:.2f}, "
        f"transformer {transformer:.2f}), and up to {keys / 1e9:.2f} GB an image while it is made"
    )


def from_mapping(cls: type[Made], values: Mapping[str, object]) -> Made:
    """A config dataclass from JSON values (lists become tuples).

    Raises:
        ValueError: names that ``cls`` does not have, all at once.
    """
    known = list(signature(cls).parameters)
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(unknown)}; it has {', '.join(known)}")
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
