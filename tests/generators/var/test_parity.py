"""Same weights, same inputs: the numbers the authors' code computes (tests/golden/var)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.presets import load_var_models
from rlsuite.generators.var.transformer import VAR
from rlsuite.generators.var.vqvae import VQVAE

GOLDEN = Path(__file__).parents[2] / "golden" / "var"
CONFIG = json.loads((GOLDEN / "config.json").read_text())
CODES, CNN, LOGITS, GUIDED, IMAGE = 1e-5, 1e-4, 3e-4, 1e-3, 1e-4  # absolute tolerances of the vectors' README


@pytest.fixture(scope="module")
def io() -> dict[str, Tensor]:
    with np.load(GOLDEN / "io.npz") as arrays:
        return {k: torch.from_numpy(arrays[k]) for k in arrays.files}


@pytest.fixture(scope="module")
def models() -> tuple[VQVAE, VAR]:
    vae, var = load_var_models(GOLDEN)
    return vae.eval(), var.eval()


def close(got: Tensor, want: Tensor, atol: float) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=atol)


@torch.no_grad()
def test_tokenizer(models: tuple[VQVAE, VAR], io: dict[str, Tensor]) -> None:
    vae, _ = models
    close(vae.encoder(io["in_images"]), io["vae_encoder_out"], CNN)
    features = vae.features(io["in_images"])
    close(features, io["vae_f"], CNN)
    indices = vae.encode(io["in_images"])
    assert torch.equal(torch.cat(indices, 1), io["vae_idx"])
    sums = vae.quantize.accumulate(indices)
    close(torch.stack(sums), io["vae_fhat_per_scale"], CODES)
    close(vae.quantize.teacher_input(sums), io["vae_var_input"], CODES)
    close(vae.decode(sums[-1]), io["vae_decoder_raw"], CNN)
    close(vae.to_image(sums[-1]) * 2 - 1, io["vae_recon"], CNN)


@torch.no_grad()
def test_quantiser_training_pass(models: tuple[VQVAE, VAR], io: dict[str, Tensor]) -> None:
    f_hat, loss, indices = models[0].quantize(io["vae_f"])
    close(f_hat, io["vae_quant_train_fhat"], CODES)
    close(loss[None], io["vae_quant_train_loss"], CODES)
    assert torch.equal(torch.cat(indices, 1), io["vae_idx"])


@torch.no_grad()
def test_teacher_forcing(models: tuple[VQVAE, VAR], io: dict[str, Tensor]) -> None:
    var, seen = models[1], []
    hooks = [b.register_forward_hook(lambda _, args, out: seen.append((args[0], out))) for b in var.blocks]
    logits = var(io["in_tf_labels"], io["vae_var_input"])
    for hook in hooks:
        hook.remove()
    close(seen[0][0], io["tf_block_in"], CNN)
    close(torch.stack([out for _, out in seen]), io["tf_block_out"], CNN)
    close(logits, io["tf_logits"], LOGITS)
    close(F.cross_entropy(logits.flatten(0, 1), io["vae_idx"].flatten())[None], io["tf_ce_loss"], LOGITS)


@pytest.mark.parametrize("case", CONFIG["infer_cases"], ids=lambda c: c["name"])
def test_generation(case: dict, models: tuple[VQVAE, VAR], io: dict[str, Tensor]) -> None:
    generator = NextScale(*models, top_k=case["top_k"], top_p=case["top_p"])
    seen: dict[str, list[Tensor]] = {"raw": [], "guided": [], "filtered": []}
    sums, labels = [], io["in_ar_labels"]
    state = generator.begin(labels, [0] * len(labels), case["cfg"], stream_seed=case["g_seed"])
    while not state.done:
        state = generator.step(state, observe=lambda name, value: seen[name].append(value))
        sums.append(state.f_hat)
    name = case["name"]
    close(torch.cat(seen["raw"], 1), io[f"{name}_logits_raw"], LOGITS)
    close(torch.cat(seen["guided"], 1), io[f"{name}_logits_cfg"], GUIDED)
    if f"{name}_logits_filtered" in io:
        close(torch.cat(seen["filtered"], 1), io[f"{name}_logits_filtered"], GUIDED)
    assert torch.equal(state.tokens, io[f"{name}_tokens"])
    close(torch.stack(sums), io[f"{name}_fhat_per_scale"], CODES)
    close(generator.decode(state), io[f"{name}_image"], IMAGE)
