"""Generators ready to use: the digits preset that ships with the package, or a folder of your own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch

from rlsuite.contracts import Ge, Gt, Le
from rlsuite.generators.classifier import DigitClassifier
from rlsuite.generators.fastvar import FastVAR
from rlsuite.generators.loading import WeightsError, load_models, load_strict, read_tensors
from rlsuite.generators.next_scale import NextScale

WEIGHTS = Path(__file__).parent / "weights"


def load(
    *,
    path: str | None = None,
    top_k: Annotated[int, Ge(0)] = 0,
    top_p: Annotated[float, Ge(0), Le(1)] = 0.0,
    cache_side: Annotated[int, Gt(0)] = 4,
    first_layer: Annotated[int, Ge(0)] = 1,
    last_layer: Annotated[int, Ge(0)] | None = None,
    selection: Literal["pivotal", "random"] = "pivotal",
    device: str = "cpu",
) -> NextScale:
    """Load a VAR as a stepper.

    Args:
        path: folder of ``config.json``, ``vae_weights.*`` and ``weights.*`` (safetensors, or a torch file such as the
            released ``vae_ch160v4096z32.pth`` and ``var_d16.pth`` under those names); None: the digits preset.
        top_k: codes the sampler keeps, 0 = all.
        top_p: nucleus the sampler keeps, 0 = off.
        cache_side: side of FastVAR's cache scale.
        first_layer: first block that prunes.
        last_layer: last block that prunes, inclusive; None: the model's last.
        selection: tokens that are kept: the pivotal ones, or random ones (a control).
        device: where the weights go.

    Raises:
        WeightsError: a file is missing, damaged or does not fit, or the settings do not fit the model.
    """
    folder = WEIGHTS / "var_digits" if path is None else Path(path)
    vae, var = load_models(folder)
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster to decode in batches
    fast = FastVAR(cache_side, first_layer, last_layer, selection)
    try:
        return NextScale(vae.to(device), var.to(device), fast, top_k, top_p)
    except ValueError as e:
        raise WeightsError(f"{folder}: {e}") from e


def digit_classifier(device: str = "cpu") -> DigitClassifier:
    """The judge trained on the real training digits alone; takes images (B, 1, 32, 32) in [-1, 1]."""
    path = WEIGHTS / "var_digits" / "classifier.safetensors"
    with torch.random.fork_rng(devices=[]):
        classifier = DigitClassifier()
    load_strict(classifier, read_tensors(path), str(path))
    return classifier.eval().requires_grad_(False).to(device)
