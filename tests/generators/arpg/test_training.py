"""The ARPG pretraining: resumable at every step, files that load, codes where they are needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rlsuite.core.errors import Diverged, UserError
from rlsuite.generators.arpg.presets import load_arpg_models
from rlsuite.generators.arpg.training import ARPGPretraining

TINY = dict(
    tokenizer_steps=3,
    transformer_steps=3,
    batch_size=4,
    tokenizer_batch=4,
    ch=4,
    z_channels=4,
    codebook_size=8,
    codebook_embed_dim=4,
    dim=16,
    n_layer=2,
    n_head=2,
    quality_samples=10,
    quality_steps=4,
)


def leaves(tree: object) -> list[object]:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return [tree] if parts is None else [leaf for part in parts for leaf in leaves(part)]


@pytest.mark.parametrize("stop", [0, 2, 3, 5])
def test_resumes_exactly(stop: int) -> None:
    whole, first = ARPGPretraining(seed=3, **TINY), ARPGPretraining(seed=3, **TINY)
    metrics = [whole.update() for _ in range(6)]
    for _ in range(stop):
        first.update()
    torch.manual_seed(stop)  # the process's own stream must not matter
    second = ARPGPretraining(seed=4, **TINY)
    second.set_state(first.get_state())
    assert [second.update() for _ in range(6 - stop)] == metrics[stop:]
    for a, b in zip(leaves(whole.get_state()), leaves(second.get_state()), strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_finish_writes_what_loads(tmp_path: Path) -> None:
    training = ARPGPretraining(**TINY)
    assert set(training.pictures()) == {"reconstructions"}
    for _ in range(training.total_steps):
        training.update()
    assert set(training.pictures()) == {"reconstructions", "samples"}
    with pytest.raises(StopIteration):
        training.update()
    quality = training.finish(tmp_path)
    assert quality == json.loads((tmp_path / "quality.json").read_text())
    assert {
        "recognised",
        "inception",
        "frechet_ratio",
        "nearest_ratio",
        "reconstruction_psnr",
    } <= quality.keys()
    vq, arpg = load_arpg_models(tmp_path)
    torch.testing.assert_close(arpg.head.weight, training.arpg.head.weight, rtol=1e-3, atol=1e-4)
    assert vq.config == training.vq_config and arpg.config == training.config


def test_looking_changes_nothing() -> None:
    one, two = ARPGPretraining(**TINY), ARPGPretraining(**TINY)
    for _ in range(4):
        one.update(), two.update()
    one.pictures()
    assert one.update() == two.update()


def test_idle_codes_go_to_the_features_farthest_from_all() -> None:
    training = ARPGPretraining(**TINY)
    stage, quantize = training.stages["tokenizer"], training.vq.quantize
    stage.usage = torch.tensor([9.0, 9, 0, 9, 9, 9, 9, 9])
    before = quantize.embedding.weight.detach().clone()
    with torch.no_grad():
        images, _ = stage.batch(torch.Generator().manual_seed(5))
        z = quantize.normed(training.vq.features(images).permute(0, 2, 3, 1).flatten(0, 2))
        farthest = z[(z @ quantize.normed(before).T).amax(1).argmin()]
    assert stage._restart(torch.Generator().manual_seed(5)) == 1
    torch.testing.assert_close(quantize.embedding.weight[2], farthest)
    assert torch.equal(quantize.embedding.weight[[0, 1, 3, 4, 5, 6, 7]], before[[0, 1, 3, 4, 5, 6, 7]])


def test_divergence_is_told() -> None:
    training = ARPGPretraining(**TINY)
    with torch.no_grad():
        training.vq.decoder.conv_out.bias.fill_(torch.nan)
    with pytest.raises(Diverged, match="tokenizer"):
        training.update()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"ch": 6}, "multiple of 4"),
        ({"ch_mult": [1, 2]}, "three levels"),
        ({"n_layer": 3}, "n_layer"),
        ({"dim": 10}, "n_head"),
    ],
)
def test_widths_that_do_not_fit(bad: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        ARPGPretraining(**{**TINY, **bad})
