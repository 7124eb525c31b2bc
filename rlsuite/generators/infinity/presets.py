"""Infinity from its released files, or from a folder of your own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Le

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces.preview import previewed
from rlsuite.generators.common.loading import (
    DTYPES,
    ModelPrecision,
    WeightsError,
    find_weights,
    gigabytes,
    load_from_folder,
    needed,
    read_configs,
    without_memory,
)
from rlsuite.generators.infinity import text
from rlsuite.generators.infinity.bsq_tokenizer import BSQ, BSQConfig, checkpoint_name
from rlsuite.generators.infinity.generator import Bitwise
from rlsuite.generators.infinity.transformer import SCALES_OF_PIXELS, SQUARE, Infinity, InfinityConfig
from rlsuite.generators.next_scale.outline import ScaleOutline
from rlsuite.generators.next_scale.pruning import PruningSettings, Ratio, pairs

ImagePixels = Literal["0.06M", "0.25M", "0.60M", "1M"]

INFINITY_TOKENIZER_FILES = ("vae_weights", "infinity_vae_d32reg")


def outline_infinity(
    *,
    path: str,
    size: str | None,
    pixels: str | None,
    text_features: str | None,
    prompts: str | None,
    text_encoder: str | None,
    **settings: Any,
) -> ScaleOutline:
    """Tell what :func:`load_infinity` would load.

    Raises:
        UserError: a file is missing, or the settings do not fit the model.
    """
    folder = Path(path)
    config = infinity_configs(folder, size, pixels)[0]
    find_weights(folder, *INFINITY_TOKENIZER_FILES)
    find_weights(folder, *_names(size))
    texts = text.count(text_features, prompts, text_encoder)
    return ScaleOutline.of(folder, texts, [height for height, _ in config.sides], config.depth, **settings)


@previewed(outline_infinity)
def load_infinity(
    *,
    path: str,
    size: Literal["2b"] | None = None,
    pixels: ImagePixels | None = None,
    text_features: str | None = None,
    prompts: str | None = None,
    text_encoder: str | None = None,
    cfg: float = 3.0,
    temperature: Annotated[float, Gt(0)] = 1.0,
    top_k: Annotated[int, Ge(0)] = 0,
    top_p: Annotated[float, Ge(0), Le(1)] = 0.0,
    cache_side: Annotated[int, Gt(0)] = 24,
    first_layer: Annotated[int, Ge(0)] = 3,
    last_layer: Annotated[int, Ge(0)] | None = None,
    selection: Literal["pivotal", "random"] = "pivotal",
    pruned_sides: list[int] | None = None,
    pruned_ratios: list[Ratio] | None = None,
    precision: ModelPrecision = "float32",
    device: str = "cpu",
) -> Bitwise:
    """Load an Infinity as a stepper for a fixed list of prompts.

    Args:
        path: folder of ``vae_weights.*`` and ``weights.*`` (safetensors, or torch files such as the released
            ``infinity_vae_d32reg.pth`` and ``infinity_2b_reg.pth``, which may keep their names).
        size: the released model; None: what the folder's ``config.json`` says.
        pixels: square images of this size, 256 to 1024 pixels a side; None: the config's own scales.
        text_features: file of the prompts' features; made from ``prompts`` if it is not there.
        prompts: text file, a prompt a line.
        text_encoder: folder of the T5 encoder (google/flan-t5-xl).
        cfg: guidance weight where a task gives none.
        temperature: divides the logits.
        top_k: choices of a bit that the sampler keeps, 0 = both.
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
        UserError: a file is missing, damaged or does not fit, or the settings do not fit the model.
    """
    folder, dtype = Path(path), DTYPES[precision]
    config, vae_config = infinity_configs(folder, size, pixels)
    features = text.features(text_features, prompts, text_encoder, device, config.text_maxlen)
    vae, infinity = load_infinity_models(folder, config, vae_config, size, dtype, announce=True)
    try:
        fast = PruningSettings(
            cache_side, first_layer, last_layer, selection, pairs(pruned_sides, pruned_ratios)
        )
        generator = Bitwise(
            vae, infinity, features, fast, cfg=cfg, temperature=temperature, top_k=top_k, top_p=top_p
        )
    except ValueError as e:
        raise WeightsError(f"{folder}: {e}") from e
    generator.to(device)
    return generator


def _names(size: str | None) -> tuple[str, ...]:
    """Return the names that the transformer's file may have."""
    return ("weights",) if size is None else ("weights", f"infinity_{size}_reg")


def infinity_configs(folder: Path, size: str | None, pixels: str | None) -> tuple[InfinityConfig, BSQConfig]:
    """Shapes of the released ``size``, or as the folder's ``config.json`` says, for images of ``pixels``.

    ``config.json`` holds the fields of :class:`BSQConfig` under "vae" and of :class:`InfinityConfig` under "infinity".

    Raises:
        WeightsError: a config.json that does not describe an Infinity.
        UserError: a size of images that there are no scales for.
    """
    if size is None:
        vae_config, config = read_configs(folder, "Infinity", vae=BSQConfig, infinity=InfinityConfig)
    else:
        vae_config, config = BSQConfig(z_channels=InfinityConfig.code_bits), InfinityConfig()
    if pixels is not None:
        if pixels not in SCALES_OF_PIXELS:
            raise UserError(f"env.generator.pixels={pixels}: choose one of {', '.join(SCALES_OF_PIXELS)}")
        sides = tuple((s, s) for s in SQUARE[: SCALES_OF_PIXELS[pixels]])
        config = replace(config, sides=sides, grid=(SQUARE[-1], SQUARE[-1]))
    return config, replace(vae_config, z_channels=config.code_bits, sides=config.sides)


def load_infinity_models(
    folder: Path,
    config: InfinityConfig,
    vae_config: BSQConfig,
    size: str | None = None,
    dtype: torch.dtype = torch.float32,
    announce: bool = False,
) -> tuple[BSQ, Infinity]:
    """Tokenizer and transformer of these shapes from the folder's files.

    Raises:
        WeightsError: anything missing, damaged or not fitting.
    """
    vae, infinity = without_memory(lambda: BSQ(vae_config)), without_memory(lambda: Infinity(config))
    if announce:
        keys = 2 * 2 * config.depth * sum(config.lengths) * config.embed_dim * dtype.itemsize
        print(needed(folder, gigabytes(vae), gigabytes(infinity, dtype), keys))
    load_from_folder(vae, folder, *INFINITY_TOKENIZER_FILES, named=checkpoint_name)
    load_from_folder(infinity, folder, *_names(size), dtype=dtype)
    return vae, infinity
