"""The original notes' reward of a finished image: a weighted sum of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rlsuite.rewards.finished import FinishedImage, Weight


@dataclass(kw_only=True)
class WeightedImage(FinishedImage):
    """R = clip_weight x CLIP score + quality_weight x image quality + efficiency_weight x efficiency + custom_weight x custom.

    A sum can be had by its cheapest part: speed and contrast pay however wrong the picture is (benchmarks/studies/arpg_reward_ablation.py).
    """

    clip_weight: Weight = 1.0
    quality_weight: Weight = 0.5
    efficiency_weight: Weight = 0.3
    custom_weight: Weight = 0.2

    def value(self, terms: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the sum (n,)."""
        total = self.clip_weight * terms["clip_score"] + self.quality_weight * terms["image_quality"]
        total = total + self.efficiency_weight * terms["efficiency"]
        return total + self.custom_weight * terms["custom"] if "custom" in terms else total
