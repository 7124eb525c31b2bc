"""How close pruned images are to the unpruned ones of the same seeds, by several measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from rlsuite.metrics import frechet_distance, psnr, ssim

Measure = Literal["psnr", "ssim", "feature_distance", "frechet", "lpips", "clip"]
PERFECT = {"psnr": np.inf, "ssim": 1.0, "feature_distance": 0.0, "frechet": 0.0, "lpips": 0.0, "clip": np.inf}
"""What each measure gives for the unpruned image itself (of ``clip``, which knows no other image: its best)."""
NEEDS = {
    "feature_distance": ("classifier", "a classifier with features(images)"),
    "frechet": ("classifier", "a classifier with features(images)"),
    "lpips": (
        "lpips",
        "weights: env.lpips={_target_: rlsuite.generators.scorers.lpips.LPIPS, backbone: <alexnet-owt-7be5be79.pth>, "
        "heads: <alex.pth of LPIPS 0.1>}",
    ),
    "clip": (
        "scorer",
        "a scorer: env.scorer={_target_: rlsuite.generators.scorers.clip.CLIPScorer, path: <folder of a CLIP model>}",
    ),
}


@runtime_checkable
class FeatureClassifier(Protocol):
    """A classifier whose features can be compared."""

    def features(self, images: Tensor) -> Tensor:
        """Return the features (n, d) of images (n, C, H, W) in [-1, 1]."""


class ImageScorer(Protocol):
    """Tells how well images show their classes."""

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the scores (n,) of images (n, C, H, W) in [0, 1] and classes (n,)."""


class Measures:
    """Compares images with reference ones, (n, C, H, W) in [0, 1] both.

    Args:
        classifier: with ``features``, for ``feature_distance`` and ``frechet``; it takes images in [-1, 1].
        lpips: distances (n,) of two batches of images, see :class:`rlsuite.generators.scorers.lpips.LPIPS`.
        scorer: ``score(images, labels)`` (n,), how well images show their classes.
    """

    def __init__(
        self,
        classifier: object = None,
        lpips: Callable[[Tensor, Tensor], Tensor] | None = None,
        scorer: ImageScorer | None = None,
    ) -> None:
        self.classifier = classifier if isinstance(classifier, FeatureClassifier) else None
        self.lpips, self.scorer = lpips, scorer
        self.models: Mapping[str, object] = {"classifier": classifier, "lpips": lpips, "scorer": scorer}

    def missing(self, names: Sequence[str]) -> list[str]:
        """Say of each measure that cannot be computed what it needs."""
        usable = {"classifier": self.classifier, "lpips": self.lpips, "scorer": self.scorer}
        return [f"{n} needs {NEEDS[n][1]}" for n in names if n in NEEDS and usable[NEEDS[n][0]] is None]

    def available(self) -> list[str]:
        """Names of the measures that can be computed."""
        return [name for name in PERFECT if not self.missing([name])]

    @torch.no_grad()
    def __call__(
        self, names: Sequence[str], images: Tensor, reference: np.ndarray, labels: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return each measure, float64 (n,); ``frechet`` is one number for the batch, given to each of its images."""
        found: dict[str, np.ndarray] = {}
        own = images.cpu().numpy()
        if "psnr" in names:
            found["psnr"] = psnr(own, reference)
        if "ssim" in names:
            found["ssim"] = ssim(own, reference)
        other = torch.from_numpy(reference).to(images)
        if {"feature_distance", "frechet"} & set(names):
            assert self.classifier is not None
            a, b = (self.classifier.features(x * 2 - 1).double().cpu().numpy() for x in (images, other))
            if "feature_distance" in names:
                found["feature_distance"] = np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1)
            if "frechet" in names:
                distance = frechet_distance(a, b) if len(a) > 1 else np.nan
                found["frechet"] = np.full(len(a), distance)
        if "lpips" in names:
            assert self.lpips is not None
            found["lpips"] = self.lpips(images, other).double().cpu().numpy()
        if "clip" in names:
            known = torch.as_tensor(labels, device=images.device)
            assert self.scorer is not None
            found["clip"] = self.scorer.score(images, known).double().cpu().numpy()
        return found
