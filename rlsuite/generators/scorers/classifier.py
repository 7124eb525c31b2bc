"""A small digit classifier: evaluates generated images; the Fréchet distance is measured between its features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.loading import GENERATOR_WEIGHTS, load_strict, read_tensors


class DigitClassifier(nn.Module):
    """Image (B, 1, 32, 32) in [-1, 1] to class logits (B, classes).

    Args:
        num_classes: classes.
        width: channels of the first conv.
        features: dimension of the features under the last layer.
    """

    def __init__(self, num_classes: int = 10, width: int = 16, features: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1)
        self.hidden = nn.Linear(2 * width * 16, features)
        self.head = nn.Linear(features, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer sees: (B, features)."""
        x = F.silu(self.conv1(images))
        x = F.silu(self.conv2(x))
        return F.silu(self.hidden(F.silu(self.conv3(x)).flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Class logits of images."""
        return self.head(self.features(images))


def digit_classifier(device: str = "cpu") -> DigitClassifier:
    """The classifier trained on the real training digits alone; takes images (B, 1, 32, 32) in [-1, 1]."""
    path = GENERATOR_WEIGHTS / "var_digits" / "classifier.safetensors"
    with torch.random.fork_rng(devices=[]):
        classifier = DigitClassifier()
    load_strict(classifier, read_tensors(path), str(path))
    return classifier.eval().requires_grad_(False).to(device)
