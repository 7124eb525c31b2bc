"""Random-order generators, ready to use: the digits preset that ships with the package, or weights of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt, Le

from rlsuite.core.interfaces.preview import previewed
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.outline import OrderOutline
from rlsuite.generators.arpg.transformer import ARPG, ARPGConfig
from rlsuite.generators.arpg.vq_tokenizer import VQ, VQConfig
from rlsuite.generators.common.loading import (
    GENERATOR_WEIGHTS,
    WeightsError,
    find_weights,
    load_from_folder,
    read_configs,
)

RELEASED_ARPGS = {
    "l": (ARPGConfig(), "arpg_300m"),
    "xl": (ARPGConfig(dim=1280, n_layer=36, n_head=20), "arpg_700m"),
    "xxl": (ARPGConfig(dim=1536, n_layer=48, n_head=24), "arpg_1b"),
}
"""Configuration and file name of each released size; their tokenizer is ``vq_ds16_c2i``."""
ARPG_TOKENIZER_FILES = ("vq_weights", "vq_ds16_c2i")


def outline_arpg(*, path: str | None, size: str | None, **others: object) -> OrderOutline:
    """Tell what :func:`load_arpg` would load.

    Raises:
        WeightsError: a file is missing.
    """
    folder = _folder(path)
    _, config, names = _arpg_configs(folder, size)
    find_weights(folder, *ARPG_TOKENIZER_FILES)
    find_weights(folder, *names)
    return OrderOutline(config.num_classes, config.block_size)


@previewed(outline_arpg)
def load_arpg(
    *,
    path: str | None = None,
    size: Literal["l", "xl", "xxl"] | None = None,
    cfg_schedule: Literal["linear", "constant"] = "linear",
    temperature: Annotated[float, Gt(0)] = 1.0,
    top_k: Annotated[int, Ge(0)] = 0,
    top_p: Annotated[float, Ge(0), Le(1)] = 0.0,
    kv_cache: bool = True,
    device: str = "cpu",
) -> RandomOrder:
    """Load an ARPG as a stepper.

    Args:
        path: folder of ``weights.*`` and ``vq_weights.*`` (safetensors, or torch files such as the released
            ``arpg_300m.pt`` and ``vq_ds16_c2i.pt``, which may keep their names); None: the digits preset.
        size: one of the released models; None: what the folder's ``config.json`` says.
        cfg_schedule: guidance grows with the share of tokens known, or is constant.
        temperature: divides the logits.
        top_k: codes the sampler keeps, 0 = all.
        top_p: nucleus the sampler keeps, 0 = off.
        kv_cache: False recomputes all keys and values at each step.
        device: where the weights go.

    Raises:
        WeightsError: a file is missing, damaged or does not fit.
    """
    folder = _folder(path)
    vq, arpg = load_arpg_models(folder, size)
    try:
        generator = RandomOrder(vq, arpg, cfg_schedule, temperature, top_k, top_p, kv_cache)
    except ValueError as e:
        raise WeightsError(f"{folder}: {e}") from e
    return generator.to(device)


def _folder(path: str | None) -> Path:
    return GENERATOR_WEIGHTS / "arpg_digits" if path is None else Path(path)


def _arpg_configs(folder: Path, size: str | None) -> tuple[VQConfig, ARPGConfig, tuple[str, ...]]:
    """Shapes of a released ``size``, or as ``config.json`` says; and the names that the transformer's file may have."""
    if size is None:
        vq_config, config = read_configs(folder, "ARPG", vq=VQConfig, arpg=ARPGConfig)
        return vq_config, config, ("weights",)
    config, stem = RELEASED_ARPGS[size]
    return VQConfig(), config, ("weights", stem)


def load_arpg_models(folder: Path, size: str | None = None) -> tuple[VQ, ARPG]:
    """Tokenizer and transformer of a folder; of a released ``size``, or as its ``config.json`` says.

    ``config.json`` holds the fields of :class:`VQConfig` under "vq" and of :class:`ARPGConfig` under "arpg".

    Raises:
        WeightsError: anything missing, damaged or not fitting.
    """
    vq_config, config, names = _arpg_configs(folder, size)
    with torch.random.fork_rng(devices=[]):  # building draws random weights that are replaced at once
        vq, arpg = VQ(vq_config), ARPG(config)
    load_from_folder(vq, folder, *ARPG_TOKENIZER_FILES)
    load_from_folder(arpg, folder, *names)
    return vq, arpg
