"""How good generated digits are: recognised, balanced, close to the real distribution, not copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from rlsuite.core.seeding import derive
from rlsuite.generators.common.digits import Digits
from rlsuite.generators.scorers.classifier import DigitClassifier
from rlsuite.metrics import frechet_distance, inception_score

Images = TypeVar("Images")


class ImageGenerator(Protocol[Images]):
    """What makes whole images of classes."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""

    def generate(self, labels: Tensor, seeds: Sequence[int], cfg: float) -> Images:
        """Make one image for each of labels (B,) and seeds (B,)."""

    def decode(self, images: Images, /) -> Tensor:
        """Return the images, float (B, C, H, W) in [0, 1]."""


def samples(
    generator: ImageGenerator[Images], n: int, seed: int, cfg: float = 0.35, batch: int = 100
) -> tuple[Tensor, Tensor]:
    """Unpruned samples with uniform labels: images (n, C, H, W) in [0, 1], labels (n,)."""
    labels, parts = torch.arange(n) % generator.num_classes, []
    for start in range(0, n, batch):
        part = labels[start : start + batch]
        seeds = [derive(seed, "samples") + start + i for i in range(len(part))]
        parts.append(generator.decode(generator.generate(part, seeds, cfg)))
    return torch.cat(parts), labels


@torch.no_grad()
def sample_quality(
    images: Tensor, labels: Tensor, classifier: DigitClassifier, digits: Digits
) -> dict[str, float]:
    """Quality of samples against digits the generator never saw.

    Args:
        images: (n, 1, 32, 32) in [0, 1].
        labels: (n,) classes asked for.
        classifier: trained on the real training digits alone.
        digits: the real digits.

    Returns:
        recognised: share recognised as the class asked for.
        inception: Inception-style score of the classifier's probabilities, 1 to 10.
        least_class, most_class: smallest and largest share of a recognised class.
        frechet, frechet_real, frechet_ratio: samples to held-out digits; training to held-out digits; their ratio.
        nearest, nearest_real, nearest_ratio: mean distance to the nearest training digit of the samples, of
            held-out digits; their ratio (small: memorised).
    """
    x = images * 2 - 1
    logits = classifier(x)
    said = logits.argmax(1)
    share = torch.bincount(said, minlength=10) / len(said)
    fake, train, real = (classifier.features(i).numpy() for i in (x, digits.train, digits.held_out))
    frechet, frechet_real = frechet_distance(fake, real), frechet_distance(train, real)
    near, near_real = nearest_distance(x, digits.train), nearest_distance(digits.held_out, digits.train)
    return {
        "recognised": float((said == labels).float().mean()),
        "inception": inception_score(logits.softmax(1).numpy()),
        "least_class": float(share.min()),
        "most_class": float(share.max()),
        "frechet": frechet,
        "frechet_real": frechet_real,
        "frechet_ratio": frechet / frechet_real,
        "nearest": near,
        "nearest_real": near_real,
        "nearest_ratio": near / near_real,
    }


def nearest_distance(images: Tensor, others: Tensor) -> float:
    """Mean Euclidean pixel distance of each image to the nearest of the others."""
    return float(torch.cdist(images.flatten(1), others.flatten(1)).min(1).values.mean())
