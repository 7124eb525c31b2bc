"""ARPG weights: the right ones load under either name, wrong ones are refused; and those that ship with the package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rlsuite.generators.arpg import presets as arpg_presets
from rlsuite.generators.arpg.schedules import schedule
from rlsuite.generators.common.digits import load_digits
from rlsuite.generators.common.loading import GENERATOR_WEIGHTS, WeightsError
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.scorers.quality import sample_quality

GOLDEN = Path(__file__).parents[2] / "golden" / "arpg"
SHIPPED = GENERATOR_WEIGHTS / "arpg_digits"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(GOLDEN, tmp_path / "model", ignore=shutil.ignore_patterns("io.npz"))
    return tmp_path / "model"


def refusal(folder: Path, size: str | None = None) -> str:
    with pytest.raises(WeightsError) as caught:
        arpg_presets.load_arpg_models(folder, size)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_files_as_trainers_wrap_them(folder: Path) -> None:
    want = arpg_presets.load_arpg_models(folder)
    for stem, key in (("weights", "module"), ("vq_weights", "model")):
        torch.save({key: load_file(folder / f"{stem}.safetensors"), "steps": 3}, folder / f"{stem}.pt")
        (folder / f"{stem}.safetensors").unlink()
    for one, other in zip(want, arpg_presets.load_arpg_models(folder), strict=True):
        assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_a_released_size_takes_the_released_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vq, arpg = arpg_presets.load_arpg_models(folder)
    monkeypatch.setitem(arpg_presets.RELEASED_ARPGS, "l", (arpg.config, "arpg_300m"))
    monkeypatch.setattr(arpg_presets, "VQConfig", lambda: vq.config)
    (folder / "weights.safetensors").rename(folder / "arpg_300m.safetensors")
    torch.save({"model": load_file(folder / "vq_weights.safetensors")}, folder / "vq_ds16_c2i.pt")
    (folder / "vq_weights.safetensors").unlink()
    (folder / "config.json").unlink()
    assert arpg_presets.load_arpg(path=str(folder), size="l").positions == 16
    (folder / "arpg_300m.safetensors").unlink()
    assert "weights or arpg_300m (" in refusal(folder, "l")


def test_sizes_are_the_released_ones() -> None:
    def parameters(name: str) -> int:
        config, _ = arpg_presets.RELEASED_ARPGS[name]
        half, c = config.n_layer // 2, config.dim
        first, second = (n * c * c + 3 * c * config.hidden + 2 * c for n in (4, 2))
        tables = (config.vocab_size + config.num_classes + 3 + config.vocab_size) * c
        return half * (first + second) + 2 * c * c + 2 * c + tables

    assert [round(parameters(name) / 1e6, 1) for name in ("l", "xl", "xxl")] == [319.8, 719.0, 1302.4]
    assert [arpg_presets.RELEASED_ARPGS[name][0].hidden for name in ("l", "xl", "xxl")] == [2816, 3584, 4096]


def test_the_weights_of_another_model(folder: Path) -> None:
    shutil.copy(folder / "vq_weights.safetensors", folder / "weights.safetensors")
    assert "does not fit an ARPG" in refusal(folder)
    shutil.copy(GENERATOR_WEIGHTS / "var_digits" / "weights.safetensors", folder / "weights.safetensors")
    assert "missing (embeddings.weight" in refusal(folder)
    assert "describe an ARPG: 'vq' is missing" in refusal(GENERATOR_WEIGHTS / "var_digits")
    config = json.loads((folder / "config.json").read_text())
    config["arpg"]["block_size"] = 15
    (folder / "config.json").write_text(json.dumps(config))
    assert "15 is no square number" in refusal(folder)


def test_tokenizer_and_transformer_of_different_models(folder: Path) -> None:
    for name in ("weights.safetensors", "config.json"):
        shutil.copy(SHIPPED / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    config["vq"] = json.loads((GOLDEN / "config.json").read_text())["vq"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="the tokenizer has 64 codes"):
        arpg_presets.load_arpg(path=str(folder))


def test_quality_numbers_came_with_the_weights() -> None:
    quality = json.loads((SHIPPED / "quality.json").read_text())
    assert quality["recognised"] >= 0.75 and quality["frechet_ratio"] <= 6 and quality["nearest_ratio"] >= 0.5
    assert quality["least_class"] >= 0.06 and quality["most_class"] <= 0.15
    assert sum(f.stat().st_size for f in SHIPPED.glob("*.safetensors")) < 8e6


def test_samples_are_digits() -> None:
    generator, labels = arpg_presets.load_arpg(), torch.arange(100) % 10
    images = generator.decode(generator.generate(labels, range(100), 5.0, schedule("cosine", 64, 8)))
    quality = sample_quality(images, labels, digit_classifier(), load_digits())
    assert images.shape == (100, 1, 32, 32)
    assert quality["recognised"] >= 0.65 and quality["nearest_ratio"] >= 0.5


def test_cosine_beats_front_loading() -> None:
    generator, classifier, labels = arpg_presets.load_arpg(), digit_classifier(), torch.arange(200) % 10
    right = {
        name: (
            classifier(
                generator.decode(generator.generate(labels, range(200), 2.5, schedule(name, 64, 8))) * 2 - 1
            ).argmax(1)
            == labels
        )
        for name in ("cosine", "front")
    }
    assert right["cosine"].float().mean() > right["front"].float().mean() + 0.1
