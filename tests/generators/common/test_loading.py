"""Weights files: right ones load in either format, wrong ones are refused in one clear message."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rlsuite.generators.common.loading import WeightsError
from rlsuite.generators.var import presets
from rlsuite.generators.var.presets import load_var_models

GOLDEN = Path(__file__).parents[2] / "golden" / "var"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(GOLDEN, tmp_path / "model", ignore=shutil.ignore_patterns("io.npz"))
    return tmp_path / "model"


def refusal(folder: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_var_models(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_torch_files_load_too(folder: Path) -> None:
    torch.save(load_file(folder / "weights.safetensors"), folder / "weights.pth")
    want = load_var_models(folder)[1].state_dict()
    (folder / "weights.safetensors").unlink()
    got = load_var_models(folder)[1].state_dict()
    assert all(torch.equal(got[k], want[k]) for k in want)


def test_renamed_missing_and_misshapen_in_one_message(folder: Path) -> None:
    state = load_file(folder / "weights.safetensors")
    state["blocks.0.attn.renamed"] = state.pop("blocks.0.attn.proj.bias")
    state["head.bias"] = state["head.bias"][:5].clone()
    save_file(state, folder / "weights.safetensors")
    message = refusal(folder)
    assert "1 missing (blocks.0.attn.proj.bias)" in message
    assert "1 unexpected (blocks.0.attn.renamed)" in message
    assert "head.bias is (5,), not (64,)" in message


def test_other_model(folder: Path) -> None:
    shutil.copy(folder / "vae_weights.safetensors", folder / "weights.safetensors")
    assert "does not fit a VAR" in refusal(folder) and "more" in refusal(folder)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_truncated(folder: Path, suffix: str) -> None:
    state, path = load_file(folder / "weights.safetensors"), folder / f"weights{suffix}"
    if suffix == ".pth":
        (folder / "weights.safetensors").unlink()
        torch.save(state, path)
    path.write_bytes(path.read_bytes()[:5000])
    assert "truncated" in refusal(folder)


class Payload:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("executed"),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_pickle_is_never_executed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "weights.safetensors").unlink()
    torch.save({"head.weight": Payload()}, folder / "weights.pth")
    assert "nothing of it was executed" in refusal(folder)
    (folder / "weights.pth").write_bytes(pickle.dumps(Payload()))
    refusal(folder)
    assert not (folder / "executed").exists()


def test_no_such_files(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.safetensors").unlink()
    assert "no such file; it must hold weights (.safetensors, .pth, .pt, .bin)" in refusal(folder)
    assert "no such folder; it must hold config.json" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("garbage", [b"junk", b"", b"\x80", b"(((((", bytes(range(256))])
def test_garbage(folder: Path, garbage: bytes) -> None:
    (folder / "weights.safetensors").unlink()
    (folder / "weights.pth").write_bytes(garbage)
    assert "weights.pth" in refusal(folder)


def test_config_that_describes_no_var(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["var"]["dpeth"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    assert "VARConfig has no dpeth" in refusal(folder)


def test_settings_that_do_not_fit(folder: Path) -> None:
    with pytest.raises(WeightsError, match="cache_side=7 is no scale"):
        presets.load_var(path=str(folder), cache_side=7)
