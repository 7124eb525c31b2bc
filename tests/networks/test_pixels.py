"""Networks for pictures: shapes, published sizes, and what is computed does not depend on the memory's layout."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import NatureCNN as UpstreamNature

from rlsuite.algos.policies.arguments import policy_arguments
from rlsuite.algos.policies.settings import NetworkSettings
from rlsuite.networks.cnn import SpatialCNN
from rlsuite.networks.pixels import Impoola, ImpoolaSmall, NatureCNN

SPACE = spaces.Box(0, 255, (12, 64, 64), np.uint8)


def pictures(n: int = 3) -> torch.Tensor:
    return torch.as_tensor(
        np.random.default_rng(0).integers(256, size=(n, 12, 64, 64), dtype=np.uint8)
    ).float()


def test_nature_is_upstreams() -> None:
    ours, theirs = NatureCNN(SPACE, 512), UpstreamNature(SPACE, 512)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    assert torch.allclose(ours(pictures()), theirs(pictures() / 255), atol=1e-5)


def test_impoola_has_the_papers_number_of_parameters() -> None:
    """By hand, 3 channels: stages 7 * 16 * 16 ... without the 2048 -> 256 layer, whose place a 32 -> 256 one takes."""
    network = Impoola(spaces.Box(0, 255, (3, 64, 64), np.uint8), 256)
    convolutions = (3 * 9 + 1) * 16 + 4 * (16 * 9 + 1) * 16 + (16 * 9 + 1) * 32 + 9 * (32 * 9 + 1) * 32
    assert sum(p.numel() for p in network.parameters()) == convolutions + (32 + 1) * 256


@pytest.mark.parametrize("kind", [NatureCNN, Impoola, ImpoolaSmall])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_do_not_depend_on_the_layout(kind: type, precision: str) -> None:
    network = kind(SPACE, 64, precision)
    x = pictures()
    found = network(x)
    assert found.shape == (3, 64)
    assert found.dtype == torch.float32
    assert torch.equal(found, network(x.contiguous(memory_format=torch.channels_last)))
    assert torch.allclose(found, kind.forward(network, x))


def test_bfloat16_is_close() -> None:
    exact, rounded = ImpoolaSmall(SPACE, 64), ImpoolaSmall(SPACE, 64, "bfloat16")
    rounded.load_state_dict(exact.state_dict())
    assert torch.allclose(exact(pictures()), rounded(pictures()), atol=0.02)


def test_auto_takes_what_fits() -> None:
    def chosen(space: spaces.Box) -> type | None:
        return policy_arguments(space, NetworkSettings(features_dim=64)).get("features_extractor_class")

    assert chosen(SPACE) is NatureCNN
    assert chosen(spaces.Box(0, 1, (16, 4, 4), np.uint8)) is SpatialCNN
    assert chosen(spaces.Box(-1, 1, (4,), np.float32)) is None
