"""The parts of the rewards of finished images by hand-computed numbers, and their scorers."""

import numpy as np
import pytest
import torch
from transitions import FLAT

from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.config.validate import find_problems
from rlsuite.generators.common.digits import load_digits
from rlsuite.generators.scorers.contrastive import digits_clip
from rlsuite.generators.scorers.contrastive_training import broken
from rlsuite.rewards.finished import SHARP, contrast, efficiency, image_quality, saturation, sharpness


def test_sharpness() -> None:
    image = np.zeros((1, 1, 3, 3))
    image[0, 0, 1, 1] = 1.0  # the Laplacian is 4 there, -1 at its four neighbours, 0 in the corners
    v = np.var([4, -1, -1, -1, -1, 0, 0, 0, 0])
    assert sharpness(image) == pytest.approx([v / (v + SHARP)])
    assert sharpness(FLAT) == pytest.approx([0, 0, 0])


def test_contrast() -> None:
    halves = np.concatenate([np.zeros((1, 1, 2, 4)), np.ones((1, 1, 2, 4))], axis=2)
    assert contrast(halves) == [1.0]
    assert contrast(halves * 0.5) == [0.5]
    assert contrast(FLAT) == pytest.approx([0, 0, 0])


def test_saturation() -> None:
    image = np.zeros((1, 3, 1, 4))
    image[0, :, 0, 0] = [1.0, 0.25, 0.5]  # (1 - .25) / 1; black counts as 0
    image[0, :, 0, 1] = 0.7  # grey
    assert saturation(image) == pytest.approx([0.75 / 4])


def test_saturation_is_left_out_of_grey_images() -> None:
    image = np.random.default_rng(0).random((2, 1, 8, 8))
    parts = image_quality(image)
    assert set(parts) == {"sharpness", "contrast", "image_quality"}
    assert parts["image_quality"] == pytest.approx((parts["sharpness"] + parts["contrast"]) / 2)
    assert "saturation" in image_quality(image.repeat(3, axis=1))


def test_efficiency() -> None:
    steps = np.array([1, 5, 8, 64])
    assert efficiency(steps, 5) == pytest.approx([1, 1, 5 / 8, 5 / 64])
    assert efficiency(steps, 5, beyond_target=True) == pytest.approx([5, 1, 5 / 8, 5 / 64])


def test_the_shipped_scorer_knows_digits_and_digits_gone_wrong() -> None:
    model, digits = digits_clip(), load_digits()
    real, labels = digits.held_out, digits.held_out_labels
    scores = model.score((real + 1) / 2, labels)
    assert float((model.similarities(real).argmax(1) == labels).float().mean()) > 0.98
    assert float(scores.mean()) > 0.6
    assert float(model.score((real + 1) / 2, (labels + 1) % 10).mean()) < 0.3
    wrong = broken(real, torch.Generator().manual_seed(3))
    assert float((model.score((wrong + 1) / 2, labels) < scores).float().mean()) > 0.95


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reward/scorer=clip", "reward.scorer.path: needs a value"),
        (
            "reward/scorer=clip reward.scorer.path=/nowhere/clip",
            "path=/nowhere/clip is no folder of a CLIP model",
        ),
        (
            "reward.custom={_target_:os.getcwd,_partial_:true}",
            "reward.custom._target_: os.getcwd belongs to os",
        ),
        ("env=var", "reward=gated_image with env=var: it needs finished images"),
    ],
)
def test_is_refused_before_anything_is_built(line: str, message: str) -> None:
    cfg = compose(["env=arpg", "algo=grpo", "reward=gated_image", *line.split()])
    assert any(message in problem for problem in find_problems(cfg))


def test_custom_comes_by_its_path(monkeypatch) -> None:
    monkeypatch.setenv("RLSUITE_PACKAGES", "transitions")
    cfg = compose(
        [
            "env=arpg",
            "algo=grpo",
            "reward=weighted_image",
            "reward.custom={_target_:transitions.bright,_partial_:true}",
        ]
    )
    assert not find_problems(cfg)
    assert build(cfg.reward).custom(FLAT, np.zeros(3), np.zeros(3)) == pytest.approx([0.5] * 3)


def test_a_pretrained_clip_scores_from_a_folder(tmp_path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs rlsuite[clip]")
    from rlsuite.generators.scorers.clip import CLIPScorer

    torch.manual_seed(0)
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"{c}</w>" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    (tmp_path / "vocab.json").write_text(__import__("json").dumps({word: i for i, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.CLIPConfig(
        text_config={**small, "vocab_size": len(words), "eos_token_id": 1},
        projection_dim=8,
        vision_config={**small, "image_size": 32, "patch_size": 16},
    )
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    transformers.CLIPTokenizerFast(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")
    ).save_pretrained(tmp_path)
    scorer = CLIPScorer(path=str(tmp_path))
    scores = scorer.score(torch.rand(5, 1, 20, 20), torch.arange(5))
    assert scores.shape == (5,) and (scores >= 0).all() and (scores <= 1 + 1e-5).all()
    assert not list(CLIPScorer.missing(path=str(tmp_path)))
