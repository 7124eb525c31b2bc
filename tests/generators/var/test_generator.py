"""Other shapes than the golden one: stepping with a cache equals teacher forcing, and the cost by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rlsuite.generators.common import sampling
from rlsuite.generators.var.flops import var_flops
from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.quantizer import phi_index
from rlsuite.generators.var.transformer import VAR, VARConfig
from rlsuite.generators.var.vqvae import VQVAE, VQVAEConfig

SHAPES = {
    "shared modulation": dict(shared_aln=True, depth=2, sides=(1, 2, 4), phis=1),
    "no normalised attention": dict(l2=False, sides=(1, 3, 4), cache_side=3, depth=4, phis=0),
    "both, cosine codes": dict(shared_aln=True, l2=False, sides=(1, 2, 3, 4, 6), depth=2, phis=2, znorm=True),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_stepping_equals_teacher_forcing(make: Callable[..., NextScale], shape: dict) -> None:
    generator, raw = make(**shape), []
    state = generator.begin([3, 7], [1, 2], 2.0)
    while not state.done:
        state = generator.step(state, observe=lambda name, x: raw.append(x) if name == "raw" else None)
    quantize, lengths = generator.vae.quantize, generator.lengths
    sums = quantize.accumulate(state.tokens.split(lengths, dim=1))
    torch.testing.assert_close(sums[-1], state.f_hat, rtol=0, atol=1e-5)
    features = quantize.teacher_input(sums).repeat(2, 1, 1)
    with torch.no_grad():
        forced = generator.var(torch.tensor([3, 7, 10, 10]), features)
    torch.testing.assert_close(forced, torch.cat(raw, 1), rtol=0, atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_encoding_agrees_with_accumulating(make: Callable[..., NextScale], shape: dict) -> None:
    vae = make(**shape).vae
    with torch.no_grad():
        images = torch.rand(2, 1, vae.config.image_side, vae.config.image_side) * 2 - 1
        pairs = list(vae.quantize.residuals(vae.features(images)))
        sums = vae.quantize.accumulate([index for index, _ in pairs])
    torch.testing.assert_close(sums, [f_hat for _, f_hat in pairs], rtol=0, atol=1e-6)


def test_maps_are_resized_as_torch_does(make: Callable[..., NextScale]) -> None:
    """Bicubic up, area down: by matrices here, by interpolation there."""
    quantize = make(sides=(1, 3, 4), cache_side=3).vae.quantize
    index = torch.arange(9)[None] % quantize.embedding.num_embeddings
    with torch.no_grad():
        maps = quantize.embedding(index).transpose(1, 2).unflatten(2, (3, 3))
        up = quantize.quant_resi.at(1)(F.interpolate(maps, size=(4, 4), mode="bicubic"))
        torch.testing.assert_close(quantize.contribution(index, 1), up, rtol=0, atol=1e-6)
        down = F.interpolate(up, size=(3, 3), mode="area").flatten(2).transpose(1, 2)
        torch.testing.assert_close(quantize.downsample(up, 1), down, rtol=0, atol=1e-6)


def test_phi_index() -> None:
    assert phi_index(4, 10) == (0, 0, 1, 1, 1, 2, 2, 3, 3, 3)
    assert phi_index(4, 6) == (0, 0, 1, 2, 3, 3)
    assert phi_index(4, 5) == (0, 1, 2, 2, 3)
    assert phi_index(6, 6) == (0, 1, 2, 3, 4, 5)
    assert phi_index(1, 1) == (0,)


def test_flops_by_hand() -> None:
    config = VARConfig(num_classes=2, depth=2, embed_dim=2, num_heads=1, mlp_ratio=2, patch_nums=(1, 2))
    kept = torch.tensor([[1, 4], [1, 3], [0, 4]])
    got = 2 * var_flops(config, vocab_size=5, code_channels=3, layers=range(1, 2), kept=kept)
    # a token of a block: qkv 2*6, proj 2*2, ffn 2*4 + 4*2 multiply-adds = 32; attention: 2 * width a pair = 4
    # a scale: modulation 2*12 a block and 2*4 at the head = 56; ends: 3*2 a token (not at the first) and 2*5
    first = 2 * (32 + 4 * 1 * 1) + 56 + 10
    second = 2 * (32 * 4 + 4 * 4 * 5) + 56 + 4 * (6 + 10)
    pruned = (32 * 4 + 4 * 4 * 5) + (32 * 3 + 4 * 3 * 4) + 56 + 4 * (6 + 10)
    alone = 2 * (32 * 4 + 4 * 4 * 4) + 56 + 4 * (6 + 10)
    want = torch.tensor([[first, second], [first, pruned], [0, alone]], dtype=torch.float64)
    assert torch.equal(got, 2 * 2 * want), "twice for multiply and add, twice for the guidance halves"


def test_shared_modulation_is_counted_once() -> None:
    kept, shape = (
        torch.tensor([[1, 4]]),
        dict(num_classes=2, depth=3, embed_dim=2, num_heads=1, patch_nums=(1, 2)),
    )
    own, one = (
        2 * var_flops(VARConfig(shared_aln=s, **shape), 5, 3, range(1, 3), kept) for s in (False, True)
    )
    assert torch.equal(own - one, torch.full((1, 2), 4.0 * 2 * 2 * 12, dtype=torch.float64))


def test_flops_saved_is_a_share_of_the_whole(generator: NextScale) -> None:
    state = generator.begin([1, 2], [1, 2])
    for ratio in ([0, 0], [0, 0], [0, 1]):
        state = generator.step(state, ratio)
    saved, full = generator.flops_saved(state), generator.full_flops
    assert saved[0].abs().max() == 0 and saved[:, 3].abs().max() == 0, (
        "nothing pruned, and nothing claimed ahead"
    )
    assert saved[1, 2] == full[2] / full.sum()
    assert generator.flops_saved(generator.step(state))[1, 3] > 0, "fewer keys make the next scale cheaper"


def test_top_k_keeps_ties_and_top_p_keeps_the_best() -> None:
    kept = sampling.filter_logits(torch.tensor([[0.0, 2.0, 2.0, 1.0]]), top_k=1).isfinite()
    assert kept.tolist() == [[False, True, True, False]]
    probabilities = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
    for top_p, want in ((0.01, 1), (0.7, 2), (0.9, 3), (1.0, 4)):
        assert sampling.filter_logits(probabilities.log(), top_p=top_p).isfinite().sum() == want


def test_draw_is_the_inverse_of_the_cumulative_distribution() -> None:
    logits = torch.tensor([0.25, 0.0, 0.5, 0.25]).log().expand(6, 4)
    uniforms = torch.tensor([0.0, 0.2, 0.251, 0.7, 0.751, 1 - 2**-24])
    assert sampling.draw_tokens(logits, uniforms).tolist() == [0, 0, 2, 2, 3, 3]


def test_label_drop_uses_the_given_stream(generator: NextScale) -> None:
    labels = torch.ones(4000, dtype=torch.int64)
    one, two = (generator.var.drop_labels(labels, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two) and 0.08 < (one == 10).float().mean() < 0.12


def test_building_a_generator_patches_nothing(make: Callable[..., NextScale]) -> None:
    """Upstream's builder switches every layer's initialisation off, for the whole process."""
    make()
    weight = nn.Linear(256, 256).weight
    assert weight.std().item() == pytest.approx((1 / 3 / 256) ** 0.5, rel=0.05)
    before = torch.get_rng_state()
    make()
    assert torch.equal(before, torch.get_rng_state())


def test_released_models_have_these_names_and_sizes() -> None:
    """The d16 checkpoint (310.28 M parameters) and the shared tokenizer (108.95 M), by their published numbers."""
    with torch.device("meta"):
        var, vae = VAR(VARConfig(), 4096, 32), VQVAE(VQVAEConfig())
    state = var.state_dict()
    assert sum(p.numel() for p in var.parameters()) == pytest.approx(310.28e6, rel=1e-4)
    assert state["blocks.15.attn.mat_qkv.weight"].shape == (3072, 1024)
    assert state["pos_1LC"].shape == (1, 680, 1024) and state["attn_bias_for_masking"].shape == (
        1,
        1,
        680,
        680,
    )
    assert sum(p.numel() for p in vae.parameters()) == pytest.approx(108.95e6, rel=1e-4)
    names = vae.state_dict()
    assert names["decoder.up.4.attn.2.qkv.weight"].shape == (1920, 640, 1, 1)
    assert names["encoder.down.3.downsample.conv.weight"].shape == (320, 320, 3, 3)
