"""Same weights, same inputs: the numbers the authors' code computes (tests/golden/arpg)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.presets import load_arpg_models
from rlsuite.generators.arpg.schedules import schedule
from rlsuite.generators.arpg.transformer import ARPG
from rlsuite.generators.arpg.vq_tokenizer import VQ
from rlsuite.generators.common.packing import Packing

GOLDEN = Path(__file__).parents[2] / "golden" / "arpg"
CASES = json.loads((GOLDEN / "config.json").read_text())["generate_cases"]
CODES, CNN, LOGITS, GUIDED = 1e-5, 1e-4, 3e-4, 1e-3  # absolute tolerances of the vectors' README


@pytest.fixture(scope="module")
def io() -> dict[str, Tensor]:
    with np.load(GOLDEN / "io.npz") as arrays:
        return {k: torch.from_numpy(arrays[k]) for k in arrays.files}


@pytest.fixture(scope="module")
def models() -> tuple[VQ, ARPG]:
    vq, arpg = load_arpg_models(GOLDEN)
    return vq.eval(), arpg.eval()


def close(got: Tensor, want: Tensor, atol: float) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=atol)


@torch.no_grad()
def test_tokenizer(models: tuple[VQ, ARPG], io: dict[str, Tensor]) -> None:
    vq, _ = models
    close(vq.features(io["in_images"]), io["vq_pre_quant"], CNN)
    indices = vq.encode(io["in_images"])
    assert torch.equal(indices, io["vq_ids"])
    close(vq.codes(indices, 4), io["vq_quantized"], CODES)
    close(vq.decode(vq.codes(indices, 4)), io["vq_recon"], CNN)
    close(vq.decode(vq.codes(io["in_vq_codes"], 4)), io["vq_decode_code"], CNN)
    close(vq(io["in_images"])[0], io["vq_recon"], CNN)


def test_rotary_table(models: tuple[VQ, ARPG], io: dict[str, Tensor]) -> None:
    close(models[1].rope, io["rope_table"], CODES)
    assert not models[1].rope[0].any()


@torch.no_grad()
def test_training_pass(models: tuple[VQ, ARPG], io: dict[str, Tensor]) -> None:
    arpg, inputs = models[1], (io["in_tokens"], io["in_labels"], io["in_orders"])
    logits, target = arpg(*inputs), io["tf_shuffled_targets"]
    close(logits, io["tf_logits_causal"], LOGITS)
    close(F.cross_entropy(logits.flatten(0, 1), target.flatten())[None], io["tf_loss_causal"], LOGITS)
    close(arpg(*inputs, causal=False), io["tf_logits_evalmode_noncausal"], LOGITS)


@torch.no_grad()
def test_features_behind_the_shared_keys_and_values(models: tuple[VQ, ARPG], io: dict[str, Tensor]) -> None:
    arpg, orders = models[1], io["in_orders"]
    slots = F.pad(1 + orders[:, :-1], (1, 0))
    ids = torch.cat((arpg.class_id(io["in_labels"])[:, None], io["in_tokens"].gather(1, orders[:, :-1])), 1)
    features = arpg.absorb(ids, slots, Packing.full(*ids.shape), arpg.empty(len(ids)), causal=True)[1]
    close(features, io["tf_kv_source_norm"], CNN)


@pytest.mark.parametrize("kv_cache", [True, False])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_generation(case: dict, kv_cache: bool, models: tuple[VQ, ARPG], io: dict[str, Tensor]) -> None:
    settings = case["cfg_schedule"], case["temperature"], case["top_k"]
    generator, name, labels = (
        RandomOrder(*models, *settings, kv_cache=kv_cache),
        case["name"],
        io["in_gen_labels"],
    )
    seen: dict[str, list[Tensor]] = {"raw": [], "guided": []}
    state = generator.begin(labels, [0] * len(labels), case["guidance_scale"], case["torch_manual_seed"])
    assert torch.equal(state.order[0], io[f"{name}_order"])
    counts = schedule(case["sample_schedule"], generator.positions, case["num_iter"])
    assert counts == io[f"{name}_tokens_per_step"].tolist()
    for count in counts:
        state = generator.step(state, count, observe=lambda what, value: seen[what].append(value))
    close(torch.cat(seen["raw"], 1), io[f"{name}_logits_raw"], LOGITS)
    close(torch.cat(seen["guided"], 1), io[f"{name}_logits_cfg"], GUIDED)
    assert torch.equal(state.tokens, io[f"{name}_tokens"])
