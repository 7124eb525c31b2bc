"""The training of the classifier that evaluates generated digits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.common.stages import Stage
from rlsuite.generators.scorers.classifier import DigitClassifier


class ClassifierStage(Stage):
    """Cross entropy on the training digits; smoothed labels keep the features, which are measured too, from growing."""

    module: DigitClassifier

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, labels = self.batch(generator)
        logits = self.module(images)
        return F.cross_entropy(logits, labels, label_smoothing=0.1), {
            "accuracy": float((logits.argmax(1) == labels).float().mean())
        }
