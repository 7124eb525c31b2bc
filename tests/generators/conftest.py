"""Generators with random weights large enough that every term matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.transformer import VAR, VARConfig
from rlsuite.generators.var.vqvae import VQVAE, VQVAEConfig

SIDES = (1, 2, 3, 5)


def build(
    *,
    sides: tuple[int, ...] = SIDES,
    depth: int = 3,
    shared_aln: bool = False,
    l2: bool = True,
    phis: int = 4,
    znorm: bool = False,
    cache_side: int = 2,
    **fast: Any,
) -> NextScale:
    """A tiny VAR: 10 classes, 16 codes, width 16."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        vae = VQVAE(
            VQVAEConfig(
                in_channels=1,
                ch=4,
                ch_mult=(1, 2),
                num_res_blocks=1,
                z_channels=4,
                norm_groups=2,
                vocab_size=16,
                v_patch_nums=sides,
                share_quant_resi=phis,
                using_znorm=znorm,
            )
        )
        var = VAR(
            VARConfig(
                num_classes=10,
                depth=depth,
                embed_dim=16,
                num_heads=2,
                shared_aln=shared_aln,
                attn_l2_norm=l2,
                patch_nums=sides,
            ),
            16,
            4,
        )
        with torch.no_grad():
            for parameter in var.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.25)
    return NextScale(vae, var, PruningSettings(cache_side=cache_side, **fast))


@pytest.fixture(scope="session")
def make() -> Callable[..., NextScale]:
    """The builder itself, for tests that need another shape."""
    return build


@pytest.fixture(scope="session")
def generator() -> NextScale:
    """The default tiny generator: sides 1, 2, 3, 5; cache scale 2x2; prunes blocks 1 and 2 of 3."""
    return build()
