"""The one result format: ``result.json``, raw per-episode values, written atomically."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from rlsuite.core.errors import UserError
from rlsuite.core.io import write_json

SCHEMA_VERSION = 1
PACKAGES = ("rlsuite", "torch", "stable-baselines3", "gymnasium", "numpy", "hydra-core")


@dataclass
class Result:
    """What a finished run says. ``levels`` holds, for each level, raw episode values of both policies."""

    run_id: str
    status: str  # completed | diverged | failed
    choices: dict[str, str]
    seed: int
    config: dict[str, Any]
    technique_applied: list[str] = field(default_factory=list)
    levels: list[dict[str, Any]] = field(default_factory=list)
    grs: dict[str, Any] = field(default_factory=dict)
    gas: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    wall_time_s: float = 0.0
    steps_per_s: float = 0.0
    restarts: int = 0
    exact: bool = True  # this result is the one an uninterrupted run gives
    parameter_hash: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    device: str = "cpu"
    schema_version: int = SCHEMA_VERSION

    def write(self, folder: Path) -> None:
        """Write ``folder/result.json`` atomically; values that are not finite become null."""
        write_json(folder / "result.json", _finite(asdict(self)))

    def mean_returns(self, mode: str = "greedy") -> list[float]:
        """Return the mean return of each level, of the ``greedy`` or the ``sampled`` policy."""
        return [mean_return(entry, mode) for entry in self.levels]

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a result file.

        Raises:
            UserError: If it is no JSON, lacks a field or has a newer schema.
        """
        try:
            data = json.loads(path.read_text())
            if data["schema_version"] > SCHEMA_VERSION:
                raise ValueError(
                    f"schema {data['schema_version']} is newer than this rlsuite's {SCHEMA_VERSION}"
                )
            known = {f.name for f in fields(cls)}
            return cls(**{k: v for k, v in data.items() if k in known})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is no result file of rlsuite: {error}") from error


def mean_return(entry: Mapping[str, Any], mode: str = "greedy") -> float:
    """Return the mean return of one of ``Result.levels``."""
    returns = entry[mode]["returns"]
    return sum(returns) / len(returns)


def parameter_hash(parameters: Mapping[str, np.ndarray]) -> str:
    """Return sha256 over names, types, shapes and bytes in key order."""
    digest = hashlib.sha256()
    for name in sorted(parameters):
        array = np.ascontiguousarray(parameters[name])
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions that decide numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def git_commit() -> str | None:
    """Return the checkout's commit (with ``+`` when edited), or None outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=here, check=True, capture_output=True, text=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None


def _finite(node: object) -> object:
    if isinstance(node, dict):
        return {str(k): _finite(v) for k, v in node.items()}
    if isinstance(node, list | tuple):
        return [_finite(v) for v in node]
    if isinstance(node, np.generic):
        node = node.item()
    return None if isinstance(node, float) and not np.isfinite(node) else node
