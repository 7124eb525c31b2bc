"""VARs ready to use: the digits preset that ships with the package, the released models, or a folder of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Le

from rlsuite.core.interfaces.preview import previewed
from rlsuite.generators.common.loading import (
    DTYPES,
    GENERATOR_WEIGHTS,
    ModelPrecision,
    WeightsError,
    find_weights,
    gigabytes,
    load_from_folder,
    needed,
    read_configs,
    without_memory,
)
from rlsuite.generators.next_scale.outline import ScaleOutline
from rlsuite.generators.next_scale.pruning import PruningSettings, Ratio, pairs
from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.transformer import VAR, VARConfig
from rlsuite.generators.var.vqvae import VQVAE, VQVAEConfig

SIDES_512 = (1, 2, 3, 4, 6, 9, 13, 18, 24, 32)


def released(depth: int, **other: object) -> VARConfig:
    """Shape of a released VAR: 64 channels and one head a block."""
    return VARConfig(depth=depth, embed_dim=64 * depth, num_heads=depth, **other)  # type: ignore[arg-type]


RELEASED_VARS = {
    **{f"d{depth}": released(depth) for depth in (16, 20, 24, 30)},
    "d36": released(36, shared_aln=True, patch_nums=SIDES_512),
}
"""Shape of each released VAR: file ``var_<size>.pth``, all with the tokenizer ``vae_ch160v4096z32.pth``."""
VAR_TOKENIZER_FILES = ("vae_weights", "vae_ch160v4096z32")


def outline_var(*, path: str | None, size: str | None, **settings: Any) -> ScaleOutline:
    """Tell what :func:`load_var` would load.

    Raises:
        WeightsError: a file is missing, or the settings do not fit the model.
    """
    folder = _folder(path)
    config = var_configs(folder, size)[1]
    find_weights(folder, *VAR_TOKENIZER_FILES)
    find_weights(folder, *_names(size))
    return ScaleOutline.of(folder, config.num_classes, config.patch_nums, config.depth, **settings)


@previewed(outline_var)
def load_var(
    *,
    path: str | None = None,
    size: Literal["d16", "d20", "d24", "d30", "d36"] | None = None,
    top_k: Annotated[int, Ge(0)] = 0,
    top_p: Annotated[float, Ge(0), Le(1)] = 0.0,
    cache_side: Annotated[int, Gt(0)] = 4,
    first_layer: Annotated[int, Ge(0)] = 1,
    last_layer: Annotated[int, Ge(0)] | None = None,
    selection: Literal["pivotal", "random"] = "pivotal",
    pruned_sides: list[int] | None = None,
    pruned_ratios: list[Ratio] | None = None,
    precision: ModelPrecision = "float32",
    device: str = "cpu",
) -> NextScale:
    """Load a VAR as a stepper.

    Args:
        path: folder of ``vae_weights.*`` and ``weights.*`` (safetensors, or torch files such as the released
            ``vae_ch160v4096z32.pth`` and ``var_d16.pth``, which may keep their names); None: the digits preset.
        size: one of the released models; None: what the folder's ``config.json`` says.
        top_k: codes the sampler keeps, 0 = all.
        top_p: nucleus the sampler keeps, 0 = off.
        cache_side: side of FastVAR's cache scale.
        first_layer: first block that prunes.
        last_layer: last block that prunes, inclusive; None: the model's last.
        selection: tokens that are kept: the pivotal ones, or random ones (a control).
        pruned_sides: sides of the scales that FastVAR's fixed schedule prunes; None: the last two.
        pruned_ratios: the ratio at each of them, 1 = skip; None: 50 % and 75 %.
        precision: of the transformer; the tokenizer and the sampling stay in float32.
        device: where the weights go.

    Raises:
        WeightsError: a file is missing, damaged or does not fit, or the settings do not fit the model.
    """
    folder = _folder(path)
    vae, var = load_var_models(folder, size, DTYPES[precision], announce=path is not None)
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster to decode in batches
    try:
        schedule = pairs(pruned_sides, pruned_ratios)
        fast = PruningSettings(cache_side, first_layer, last_layer, selection, schedule)
        generator = NextScale(vae, var, fast, top_k, top_p)
    except ValueError as e:
        raise WeightsError(f"{folder}: {e}") from e
    generator.to(device)
    return generator


def _folder(path: str | None) -> Path:
    return GENERATOR_WEIGHTS / "var_digits" if path is None else Path(path)


def _names(size: str | None) -> tuple[str, ...]:
    """Return the names that the transformer's file may have."""
    return ("weights",) if size is None else ("weights", f"var_{size}")


def var_configs(folder: Path, size: str | None) -> tuple[VQVAEConfig, VARConfig]:
    """Shapes of a released ``size``, or as the folder's ``config.json`` says.

    Raises:
        WeightsError: a config.json that does not describe a VAR.
    """
    if size is None:
        vae_config, config = read_configs(folder, "VAR", vqvae=VQVAEConfig, var=VARConfig)
        return vae_config, config
    return VQVAEConfig(v_patch_nums=RELEASED_VARS[size].patch_nums), RELEASED_VARS[size]


def load_var_models(
    folder: Path, size: str | None = None, dtype: torch.dtype = torch.float32, announce: bool = False
) -> tuple[VQVAE, VAR]:
    """Tokenizer and transformer of a folder; of a released ``size``, or as its ``config.json`` says.

    ``config.json`` holds the fields of :class:`VQVAEConfig` under "vqvae" and of :class:`VARConfig` under "var".

    Args:
        folder: where the files are.
        size: a released model.
        dtype: precision of the transformer.
        announce: print the memory that is needed before any is taken.

    Raises:
        WeightsError: anything missing, damaged or not fitting.
    """
    vae_config, config = var_configs(folder, size)
    vae = without_memory(lambda: VQVAE(vae_config))
    var = without_memory(lambda: VAR(config, vae_config.vocab_size, vae_config.z_channels))
    if announce:
        tokens = 2 * 2 * config.depth * sum(config.lengths)
        print(
            needed(folder, gigabytes(vae), gigabytes(var, dtype), tokens * config.embed_dim * dtype.itemsize)
        )
    load_from_folder(vae, folder, *VAR_TOKENIZER_FILES)
    load_from_folder(var, folder, *_names(size), dtype=dtype)
    return vae, var
