"""Infinity: same weights, same inputs, the numbers the authors' code computes (tests/golden/infinity)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rlsuite.generators.infinity.bsq_tokenizer import BSQ, BitQuantizer, BSQConfig
from rlsuite.generators.infinity.generator import Bitwise
from rlsuite.generators.infinity.presets import load_infinity_models
from rlsuite.generators.infinity.transformer import (
    SCALES_OF_PIXELS,
    SQUARE,
    Infinity,
    InfinityConfig,
    infinity_rope_table,
)
from rlsuite.generators.next_scale.episode import Control
from rlsuite.generators.next_scale.pruning import PruningSettings

GOLDEN = Path(__file__).parents[2] / "golden" / "infinity"
CONFIG = json.loads((GOLDEN / "config.json").read_text())
CODES, CNN, LOGITS, GUIDED = 1e-5, 1e-4, 3e-4, 1e-3  # absolute tolerances of the vectors' README
SIDES = tuple((h, w) for _, h, w in CONFIG["scale_schedule"])


def golden_configs() -> tuple[InfinityConfig, BSQConfig]:
    t, v = CONFIG["transformer"], CONFIG["vae"]
    names = ("text_channels", "text_maxlen", "embed_dim", "depth", "num_heads", "block_chunks", "mlp_ratio")
    config = InfinityConfig(code_bits=v["codebook_dim"], sides=SIDES, **{n: t[n] for n in names})
    return config, BSQConfig(
        z_channels=v["codebook_dim"],
        ch=v["base_ch"],
        ch_mult=tuple(v["encoder_ch_mult"]),
        decoder_ch_mult=tuple(v["decoder_ch_mult"]),
        num_res_blocks=v["num_res_blocks"],
        sides=SIDES,
    )


@pytest.fixture(scope="module")
def io() -> dict[str, Tensor]:
    with np.load(GOLDEN / "io.npz") as arrays:
        return {k: torch.from_numpy(arrays[k]) for k in arrays.files}


@pytest.fixture(scope="module")
def models() -> tuple[BSQ, Infinity]:
    vae, infinity = load_infinity_models(GOLDEN, *golden_configs())
    return vae.eval(), infinity.eval()


def prompts(io: dict[str, Tensor]) -> list[Tensor]:
    return list(io["in_text"].split(io["in_text_lens"].tolist()))


def close(got: Tensor, want: Tensor, atol: float) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=atol)


def test_scales_of_the_released_sizes() -> None:
    assert tuple((s, s) for s in SQUARE[: SCALES_OF_PIXELS[CONFIG["pn"]]]) == SIDES
    assert sum(s * s for s in SQUARE) == 10521


def test_every_tensor_has_the_checkpoints_name(models: tuple[BSQ, Infinity]) -> None:
    assert models[0].quantizer is models[0].quantize
    assert not any(v.is_meta for m in models for v in m.state_dict().values())


@torch.no_grad()
def test_tokenizer(models: tuple[BSQ, Infinity], io: dict[str, Tensor]) -> None:
    vae = models[0]
    quantizer = BitQuantizer(vae.config.z_channels, [(h, w) for _, h, w in CONFIG["vae_scale_schedule"]])
    features = vae.encoder(io["in_images"])
    close(features, io["vae_h"], CNN)
    bits, total = quantizer.encode(features)
    close(total, io["vae_z"], CODES)
    assert torch.equal(torch.cat(bits, 1), io["vae_bits"])
    close(vae.decode(io["vae_z"]).clamp(-1, 1), io["vae_recon"], CNN)
    again = quantizer.accumulate(io["vae_bits"].split([h * w for h, w in quantizer.sides], 1))[-1]
    close(again, io["vae_decode_from_bits_codes"][:, :, 0], CODES)
    close(vae.to_image(again) * 2 - 1, io["vae_decode_from_bits"].clamp(-1, 1), CNN)


def test_quantiser(models: tuple[BSQ, Infinity], io: dict[str, Tensor]) -> None:
    quantizer = models[0].quantizer
    bits, total = quantizer.encode(io["in_features"])
    assert torch.equal(torch.cat(bits, 1), io["bsq_bits"]) and torch.equal(io["bsq_bits"], io["tf_bits"])
    close(total, io["bsq_out"], CODES)
    sums = quantizer.accumulate(bits)
    close(quantizer.teacher_input(sums), io["tf_input"], CODES)
    close(quantizer.codes(io["bsq_code_bits"])[0], io["bsq_code"][:, :, 0].permute(0, 2, 3, 1), CODES)


def test_rotary_positions(io: dict[str, Tensor]) -> None:
    config = golden_configs()[0]
    table = torch.cat([infinity_rope_table(config, scale) for scale in range(len(SIDES))])
    close(table.permute(2, 0, 1), io["rope_cos_sin"], CODES)


@torch.no_grad()
def test_teacher_forcing(models: tuple[BSQ, Infinity], io: dict[str, Tensor]) -> None:
    infinity, texts = models[1], prompts(io)
    text = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    mask = (torch.arange(text.shape[1]) < io["in_text_lens"][:, None])[:, None, None]
    cond, read = infinity.read(text, mask)
    close(cond, io["tf_sos_cond"], CNN)
    close(torch.cat([r[: len(t)] for r, t in zip(read, texts, strict=True)]), io["tf_ca_kv"], CNN)
    close(infinity.shared(cond), io["tf_ada_shared"], CNN)
    seen: dict[str, Tensor] = {}
    block = infinity.layers[0]
    hooks = [
        block.sa.proj.register_forward_hook(lambda _, args, out: seen.update(sa=out)),
        block.ca.proj.register_forward_hook(lambda _, args, out: seen.update(ca=out)),
    ]
    logits = infinity(text, mask, io["tf_input"])
    for hook in hooks:
        hook.remove()
    rows = CONFIG["block_rows"]
    close(seen["sa"][:, :rows], io["tf_block0_sa_out_beforegamma"], CNN)
    close(seen["ca"][:, :rows], io["tf_block0_ca_out"], CNN)
    close(logits, io["tf_logits"], LOGITS)


@pytest.mark.parametrize("case", CONFIG["infer_cases"], ids=lambda c: c["name"])
def test_generation(case: dict, models: tuple[BSQ, Infinity], io: dict[str, Tensor]) -> None:
    insertion = case["cfg_insertion_layer"][0]
    generator = Bitwise(
        *models,
        prompts(io),
        PruningSettings(cache_side=8),
        temperature=case["tau_list"],
        mix_before_end=-insertion or None,
        top_k=case["top_k"],
        top_p=case["top_p"],
    )
    guided, raw, name = [], [], case["name"]
    lengths = generator.lengths
    state = generator.begin([0, 1], [0, 0], 1.0, stream_seed=case["g_seed"])
    for scale, weight in enumerate(case["cfg_list"]):
        truth = io["bsq_bits"].split(lengths, 1)[scale] if scale < case.get("gt_leak", 0) else None
        state = generator.step(
            state,
            observe=lambda what, v: {"raw": raw, "guided": guided}.get(what, []).append(v),
            control=Control(guidance=weight),
            forced=truth,
        )
    final = torch.cat([g.unflatten(1, (n, -1)).flatten(2) for g, n in zip(guided, lengths, strict=True)], 1)
    close(final, io[f"{name}_logits_final"], GUIDED)
    if f"{name}_logits_cond" in io:
        close(torch.cat([r[:2] for r in raw], 1), io[f"{name}_logits_cond"], LOGITS)
        close(raw[-1][2:], io[f"{name}_logits_uncond_last_scale"], LOGITS)
    assert torch.equal(state.tokens, io[f"{name}_bits"])
    close(state.f_hat, io[f"{name}_summed_codes"], CODES)
    if case.get("save_image", False):
        image = (generator.decode(state) * 255).to(torch.uint8).permute(0, 2, 3, 1).flip(3)
        assert (image.int() - io[f"{name}_image_uint8_bgr"].int()).abs().max() <= 1
