"""What a config asks of this machine: a device, a package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec


def tracking_problem(mode: str) -> Iterator[str]:
    """Yield that runs cannot be mirrored from this machine."""
    if mode != "disabled" and not_installed("wandb"):
        yield f"wandb.mode={mode}: the package wandb is not installed; pip install 'rlsuite[wandb]'"


def not_installed(package: str) -> bool:
    """Tell whether a package cannot be imported, without importing it; a folder of its name is not it."""
    spec = find_spec(package)
    return spec is None or spec.origin is None


def device_problem(device: str) -> str | None:
    """Say why ``hardware.device`` is not there; None if it is. Imports torch, so only for a device that needs it."""
    if device != "cuda":
        return None
    import torch

    # ask the driver, not CUDA itself: jobs are forked from this process, and CUDA started here would be broken in them
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    if torch.cuda.is_available():
        return None
    return f"hardware.device={device}: this machine has no CUDA device that torch can use; take hardware=cpu"
