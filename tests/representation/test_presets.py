"""The encoders that ship with the package, as far as a fast test can tell; benchmarks/sprites_table1.py measures them."""

import numpy as np
import pytest
import torch

from rlsuite.representation import load_encoder
from rlsuite.representation.loading import WEIGHTS, presets
from rlsuite.representation.training import as_input
from rlsuite.representation.trajectories import trajectories


def test_two_small_presets() -> None:
    assert presets() == ("sprites_image", "sprites_reward")
    assert all(file.stat().st_size < 1e6 for file in WEIGHTS.glob("*.safetensors"))


@pytest.mark.parametrize(("name", "least"), [("sprites_reward", 0.9), ("sprites_image", 0.3)])
@pytest.mark.parametrize("distractors", [0, 1, 2])
def test_features_tell_where_agent_and_target_are(name: str, least: float, distractors: int) -> None:
    """Positions read linearly from held-out features: the share of their variance that is explained."""
    batch = trajectories(np.random.default_rng(5), np.full(1500, distractors), 1, 0, ["follow"])
    with torch.no_grad():
        features = load_encoder(name)(as_input(batch.pictures)).numpy()
    inputs = np.c_[features, np.ones(len(features))]
    places = batch.positions[:, 0, :2].reshape(-1, 4)
    fitted = np.linalg.lstsq(inputs[:1000], places[:1000], rcond=None)[0]
    wrong = np.square(inputs[1000:] @ fitted - places[1000:]).mean(axis=0)
    explained = 1 - wrong / places[1000:].var(axis=0)
    assert explained.min() > least, explained
