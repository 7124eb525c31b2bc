"""Checkpoints as arrays and JSON: atomic, the last two kept, never a pickle.

A tree of dicts, lists, tuples, scalars, numpy arrays and torch tensors becomes ``tree.json`` (the structure) and
``arrays.safetensors``. Memory layout is kept too: convolutions round differently on another layout.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Tree
from rlsuite.core.io import cannot_write

FORMAT = "rlsuite-tree-1"


def write_tree(folder: Path, tree: Tree) -> None:
    """Write ``tree`` into the new folder ``folder`` and flush it to the disk."""
    folder.mkdir(parents=True)
    arrays: dict[str, np.ndarray] = {}
    encoded = _encode(tree, arrays)
    save_file(arrays, folder / "arrays.safetensors")
    crc = zlib.crc32((folder / "arrays.safetensors").read_bytes())
    (folder / "tree.json").write_text(json.dumps({"format": FORMAT, "crc32": crc, "tree": encoded}))
    for name in ("arrays.safetensors", "tree.json"):
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def read_tree(folder: Path) -> Tree:
    """Read what ``write_tree`` wrote. No code in the files can run.

    Raises:
        UserError: If a file is missing, truncated, altered or not ours.
    """
    try:
        header = json.loads((folder / "tree.json").read_text())
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']}, expected {FORMAT}")
        blob = folder / "arrays.safetensors"
        if zlib.crc32(blob.read_bytes()) != header["crc32"]:
            raise ValueError("arrays.safetensors does not match tree.json (truncated or altered)")
        return _decode(header["tree"], load_file(blob))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"the checkpoint {folder} is corrupt or was not written by rlsuite ({error}). Remove that folder to go on "
            "from the checkpoint before it, or the whole run folder to start anew."
        ) from error


class Checkpoints:
    """The checkpoints of a run: ``<folder>/<step>/``, newest last.

    ``guard`` is called before one is committed: it raises if the folder may not be written to any more.
    """

    def __init__(self, folder: Path, keep: int = 2, guard: Callable[[], object] = lambda: None) -> None:
        self.folder, self.keep, self.guard = folder, keep, guard

    def _committed(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*") if p.name.isdigit()) if self.folder.exists() else []

    def save(self, tree: Tree, step: int) -> Path:
        """Commit ``tree`` by a rename, then drop all but the newest ``keep``.

        Raises:
            UserError: If the disk is full or read-only; earlier checkpoints stay as they are.
        """
        final = self.folder / f"{step:012d}"
        temporary = self.folder / f".{step:012d}.{os.getpid()}.tmp"
        self.guard()
        try:
            self._clean()
            write_tree(temporary, tree)
            self.guard()
            if final.exists():  # the same step again: exact resume makes both equal, the newer one wins
                shutil.rmtree(final)
            temporary.rename(final)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise cannot_write(final, error if isinstance(error, OSError) else OSError(str(error))) from error
        for old in self._committed()[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def latest(self) -> Tree | None:
        """Return the newest committed tree, or None when there is none."""
        committed = self._committed()
        return read_tree(committed[-1]) if committed else None

    def _clean(self) -> None:
        """Remove what a killed writer left half-done."""
        for leftover in self.folder.glob(".*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)


def _encode(node: object, arrays: dict[str, np.ndarray]) -> object:
    """Replace arrays by references; tag containers so that tuples and non-string keys survive JSON."""
    if isinstance(node, dict):
        return {"dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in node.items()]}
    if isinstance(node, list | tuple):
        return {type(node).__name__: [_encode(v, arrays) for v in node]}
    if isinstance(node, torch.Tensor):
        return _reference(node.detach().cpu().numpy(), "tensor", arrays)
    if isinstance(node, np.ndarray):
        return _reference(node, "array", arrays)
    if isinstance(node, np.generic):
        return _reference(np.asarray(node), "scalar", arrays)
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise TypeError(f"a checkpoint cannot hold {type(node).__name__}: {node!r}")


def _reference(array: np.ndarray, kind: str, arrays: dict[str, np.ndarray]) -> dict[str, object]:
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    name = f"a{len(arrays)}"
    arrays[name] = np.array(array.transpose(order), order="C")
    return {kind: name, "order": order}


def _decode(node: Any, arrays: dict[str, np.ndarray]) -> Tree:
    if not isinstance(node, dict):
        return node
    if "dict" in node:
        return {_decode(k, arrays): _decode(v, arrays) for k, v in node["dict"]}
    if "list" in node:
        return [_decode(v, arrays) for v in node["list"]]
    if "tuple" in node:
        return tuple(_decode(v, arrays) for v in node["tuple"])
    kind = next(iter(node))
    array = arrays[node[kind]].transpose(np.argsort(node["order"]))
    if kind == "tensor":
        return torch.from_numpy(array).clone()  # torch's own, aligned memory: kernels may round by alignment
    return array[()] if kind == "scalar" else array
