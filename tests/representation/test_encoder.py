"""The encoder's shapes and files: what is written is what is loaded, and wrong files are refused in one sentence."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rlsuite.core.errors import UserError
from rlsuite.representation import Encoder, EncoderConfig, load_encoder, save_encoder
from rlsuite.representation.encoder import Decoder


@pytest.mark.parametrize(
    ("border", "channels", "last"), [("zeros", 1, 128), ("none", 1, 64), ("coordinates", 3, 128)]
)
def test_convolutions_end_in_a_single_place(border: str, channels: int, last: int) -> None:
    """The sheet's 4, 8, ..., 128; without padding five layers reach 1x1, the last with 64."""
    encoder = Encoder(EncoderConfig(border=border))
    convolutions = [layer for layer in encoder.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [4 * 2**i for i in range(len(convolutions))]
    assert convolutions[0].in_channels == channels
    assert encoder.project.in_features == last
    assert encoder(torch.zeros(5, 1, 64, 64)).shape == (5, 64)
    assert Decoder()(torch.zeros(5, 64)).shape == (5, 1, 64, 64)


@pytest.mark.parametrize("border", ["zeros", "none", "coordinates"])
def test_written_and_loaded_are_the_same(border: str, tmp_path: Path) -> None:
    encoder = Encoder(EncoderConfig(channels=2, features_dim=8, border=border))
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    pictures = torch.rand(3, 1, 64, 64)
    state = torch.get_rng_state()
    for path in (tmp_path, str(tmp_path / "encoder.safetensors")):
        loaded = load_encoder(path)
        assert loaded.config == encoder.config
        assert torch.equal(loaded(pictures), encoder(pictures))
    assert torch.equal(torch.get_rng_state(), state)


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no encoder at"):
        load_encoder(tmp_path / "missing")
    (tmp_path / "text").write_text("no tensors at all")
    with pytest.raises(UserError, match="damaged"):
        load_encoder(tmp_path / "text")
    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(UserError, match="holds no sprites encoder"):
        load_encoder(tmp_path / "other")
    encoder = Encoder()
    encoder.config = EncoderConfig(channels=8)
    save_encoder(encoder, tmp_path / "lying")
    with pytest.raises(UserError, match="does not fit"):
        load_encoder(tmp_path / "lying")
