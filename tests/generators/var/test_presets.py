"""The weights that ship with the package, as far as a fast test can tell; benchmarks/studies/var_quality.py measures them."""

from __future__ import annotations

import json

import pytest
import torch

from rlsuite.generators.common.digits import load_digits
from rlsuite.generators.common.loading import GENERATOR_WEIGHTS
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.scorers.quality import sample_quality, samples
from rlsuite.generators.var import presets
from rlsuite.generators.var.generator import NextScale


@pytest.fixture(scope="module")
def digits_var() -> NextScale:
    return presets.load_var()


def test_shapes(digits_var: NextScale) -> None:
    assert digits_var.sides == (1, 2, 3, 4, 6, 8) and digits_var.num_classes == 10
    assert digits_var.decode(digits_var.begin([3, 4], [0, 1])).shape == (2, 1, 32, 32)


def test_size() -> None:
    assert sum(f.stat().st_size for f in GENERATOR_WEIGHTS.rglob("*.safetensors")) < 8e6


def test_quality_numbers_came_with_the_weights() -> None:
    quality = json.loads((GENERATOR_WEIGHTS / "var_digits" / "quality.json").read_text())
    assert quality["recognised"] >= 0.97 and quality["frechet_ratio"] <= 2 and quality["nearest_ratio"] >= 0.5
    assert quality["least_class"] >= 0.08 and quality["most_class"] <= 0.12


def test_samples_are_digits(digits_var: NextScale) -> None:
    classifier, digits = digit_classifier(), load_digits()
    right = classifier(digits.held_out).argmax(1) == digits.held_out_labels
    assert right.float().mean() > 0.98
    quality = sample_quality(*samples(digits_var, 200, 7), classifier, digits)
    assert quality["recognised"] >= 0.95 and quality["nearest_ratio"] >= 0.5


def test_pivotal_tokens_beat_random_ones(digits_var: NextScale) -> None:
    control, ratios = presets.load_var(selection="random"), [0, 0, 0, 0, 0.25, 0.25]
    labels, seeds = torch.arange(100) % 10, range(100)
    golden = digits_var.decode(digits_var.generate(labels, list(seeds), 1.5))
    errors = [
        (g.decode(g.generate(labels, list(seeds), 1.5, ratios)) - golden).square().mean((1, 2, 3)).log10()
        for g in (digits_var, control)
    ]
    assert 10 * (errors[1] - errors[0]).mean() > 0.7


def test_pruning_saves_what_it_says(digits_var: NextScale) -> None:
    state = digits_var.generate([5] * 4, [1, 2, 3, 4], 1.5, [0, 0, 0, 0, 1, 1])
    share = digits_var.full_flops / digits_var.full_flops.sum()
    torch.testing.assert_close(digits_var.flops_saved(state).sum(1), share[4:].sum().expand(4))
    assert state.kept.tolist() == [[1, 4, 9, 16, 0, 0]] * 4
