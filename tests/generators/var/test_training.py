"""The pretraining: resumable at every step, its own random numbers only, files that load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rlsuite.core.errors import Diverged, UserError
from rlsuite.generators.common.digits import augment, load_digits
from rlsuite.generators.var.presets import load_var_models
from rlsuite.generators.var.training import VARPretraining

TINY = dict(
    classifier_steps=3,
    tokenizer_steps=3,
    transformer_steps=3,
    batch_size=4,
    tokenizer_batch=4,
    ch=4,
    depth=2,
    embed_dim=16,
    num_heads=2,
    vocab_size=16,
    quality_samples=10,
)


def run(training: VARPretraining, updates: int) -> list[dict[str, float]]:
    return [training.update() for _ in range(updates)]


def flat(tree: object, prefix: str = "") -> dict[str, object]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if items is None:
        return {prefix: tree}
    return {k: v for name, part in items for k, v in flat(part, f"{prefix}.{name}").items()}


@pytest.mark.parametrize("stop", [0, 2, 3, 5, 8])
def test_resumes_exactly(stop: int) -> None:
    whole, first = VARPretraining(seed=3, **TINY), VARPretraining(seed=3, **TINY)
    metrics = run(whole, 9)
    run(first, stop)
    tree = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in flat(first.get_state()).items()}
    torch.manual_seed(stop)  # the process's own stream must not matter
    second = VARPretraining(seed=4, **TINY)
    state = first.get_state()
    assert flat(state).keys() == tree.keys()
    second.set_state(state)
    assert run(second, 9 - stop) == metrics[stop:]
    a, b = flat(whole.get_state()), flat(second.get_state())
    assert a.keys() == b.keys()
    assert all(torch.equal(v, b[k]) if isinstance(v, torch.Tensor) else v == b[k] for k, v in a.items())


def test_finish_writes_what_loads(tmp_path: Path) -> None:
    training = VARPretraining(**TINY)
    run(training, training.total_steps)
    assert set(training.pictures()) == {"reconstructions", "samples"}
    with pytest.raises(StopIteration):
        training.update()
    quality = training.finish(tmp_path)
    assert quality == json.loads((tmp_path / "quality.json").read_text())
    assert {"recognised", "frechet_ratio", "nearest_ratio", "least_class", "most_class"} <= quality.keys()
    _, var = load_var_models(tmp_path)
    torch.testing.assert_close(var.head.weight, training.var.head.weight, rtol=1e-3, atol=1e-4)


def test_looking_changes_nothing() -> None:
    one, two = VARPretraining(**TINY), VARPretraining(**TINY)
    run(one, 8), run(two, 8)
    one.pictures()
    assert one.update() == two.update()


def test_divergence_is_told() -> None:
    training = VARPretraining(**TINY)
    run(training, 4)
    with torch.no_grad():
        training.vae.decoder.conv_out.bias.fill_(torch.nan)
    with pytest.raises(Diverged, match="tokenizer"):
        training.update()


def test_split_is_fixed_and_disjoint() -> None:
    digits = load_digits()
    assert digits.train.shape == (1347, 1, 32, 32) and digits.held_out.shape == (450, 1, 32, 32)
    assert digits.train.min() == -1 and digits.train.max() == 1
    assert digits.held_out_labels[:8].tolist() == load_digits().held_out_labels[:8].tolist()
    assert torch.cdist(digits.held_out.flatten(1), digits.train.flatten(1)).min() > 0


def test_augmentation_is_seeded_and_small() -> None:
    images = load_digits().train[:50]
    one, two = (augment(images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, two) and not torch.equal(one, images)
    assert one.min() >= -1 and one.max() <= 1
    torch.testing.assert_close(
        augment(images, torch.Generator().manual_seed(1), 0.0), images, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("bad", [{"ch": 6}, {"num_heads": 3}, {"ch_mult": [1, 2]}])
def test_widths_that_do_not_fit(bad: dict) -> None:
    with pytest.raises(UserError, match="multiple of 4"):
        VARPretraining(**{**TINY, **bad})
