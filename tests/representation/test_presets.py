"""The encoders that ship with the package, as far as a fast test can tell; benchmarks/studies/sprites_table1.py measures them."""

import json

import numpy as np
import pytest
import torch

from rlsuite.representation import load_encoder
from rlsuite.representation.loading import ENCODER_WEIGHTS, presets
from rlsuite.representation.training import as_input
from rlsuite.representation.trajectories import trajectories


def test_two_small_presets() -> None:
    assert presets() == ("sprites_image", "sprites_reward")
    assert all(file.stat().st_size < 1e6 for file in ENCODER_WEIGHTS.glob("*.safetensors"))


def test_quality_came_with_the_weights() -> None:
    """What is asked of an encoder after the curriculum, and that features which only redraw are worse."""
    reward, image = (
        json.loads((ENCODER_WEIGHTS / f"sprites_{name}.json").read_text()) for name in ("reward", "image")
    )
    for count, limit in (("mse_0", 0.006), ("mse_1", 0.006), ("mse_2", 0.012)):
        assert max(reward[count].values()) <= limit < max(image[count].values())


@pytest.mark.parametrize(
    ("name", "distractors", "least"),
    [
        ("sprites_reward", 0, 0.97),
        ("sprites_reward", 1, 0.96),
        ("sprites_reward", 2, 0.92),
        ("sprites_image", 0, 0.3),
    ],
)
def test_features_tell_where_agent_and_target_are(name: str, distractors: int, least: float) -> None:
    """Positions read linearly from held-out features: the share of their variance that is explained.

    Features that redraw a picture need not tell agent, target and distractors apart, so nothing is asked of them there.
    """
    batch = trajectories(np.random.default_rng(5), np.full(1500, distractors), 1, 0, ["follow"])
    with torch.no_grad():
        features = load_encoder(name)(as_input(batch.pictures)).numpy()
    inputs = np.c_[features, np.ones(len(features))]
    places = batch.positions[:, 0, :2].reshape(-1, 4)
    fitted = np.linalg.lstsq(inputs[:1000], places[:1000], rcond=None)[0]
    wrong = np.square(inputs[1000:] @ fitted - places[1000:]).mean(axis=0)
    explained = 1 - wrong / places[1000:].var(axis=0)
    assert explained.min() > least, explained
