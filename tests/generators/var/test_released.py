"""The released models as choices: their shapes, without their weights."""

from __future__ import annotations

import pytest
import torch

from rlsuite.generators.common.loading import without_memory
from rlsuite.generators.infinity.bsq_tokenizer import BSQ, BSQConfig, checkpoint_name
from rlsuite.generators.infinity.transformer import Infinity, InfinityConfig
from rlsuite.generators.var.presets import RELEASED_VARS
from rlsuite.generators.var.transformer import VAR
from rlsuite.generators.var.vqvae import VQVAE, VQVAEConfig


def count(module: torch.nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize(
    ("size", "millions"), [("d16", 310.28), ("d20", 600), ("d24", 1030), ("d30", 2010), ("d36", 2350)]
)
def test_vars_have_the_published_sizes(size: str, millions: float) -> None:
    var = without_memory(lambda: VAR(RELEASED_VARS[size], 4096, 32))
    assert count(var) == pytest.approx(millions, rel=5e-5 if size == "d16" else 0.02)
    shapes = {k: tuple(v.shape) for k, v in var.state_dict().items()}
    c = 64 * int(size[1:])
    assert shapes["blocks.3.attn.mat_qkv.weight"] == (3 * c, c) and shapes["head.weight"] == (4096, c)
    assert shapes["pos_1LC"] == (1, 2240 if size == "d36" else 680, c)
    assert ("shared_ada_lin.1.weight" in shapes) == (size == "d36")


def test_tokenizer_of_the_vars() -> None:
    assert count(without_memory(lambda: VQVAE(VQVAEConfig()))) == pytest.approx(108.95, abs=0.01)


def test_infinity_2b() -> None:
    infinity = without_memory(lambda: Infinity(InfinityConfig()))
    assert count(infinity) == pytest.approx(2204.56, rel=1e-3)
    shapes = {k: tuple(v.shape) for k, v in infinity.state_dict().items()}
    assert shapes["text_proj_for_sos.ca.mat_q"] == (1, 16, 128)
    assert shapes["block_chunks.7.module.3.sa.mat_qkv.weight"] == (6144, 2048)
    assert shapes["lvl_embed.weight"] == (15, 2048) and shapes["head.weight"] == (64, 2048)
    vae = without_memory(lambda: BSQ(BSQConfig(z_channels=32)))
    assert count(vae) == pytest.approx(110.12, abs=0.02)
    names = {checkpoint_name(k) for k in vae.state_dict()}
    assert {"encoder.down.0.block.0.norm1.norm.weight", "quantizer.lfq.mask", "quantize.lfq.mask"} <= names
