"""What the rewards of finished images share: their parts, each with its formula. Paid once, when the image is complete."""

# No `from __future__ import annotations` here: the fields' types must be objects, since the signatures of subclasses in
# other modules inherit them and are read by `check`.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from annotated_types import Ge, Gt

from rlsuite.core.interfaces import Reward, Transition

Weight = Annotated[float, Ge(0)]
SHARP = 0.05  # variance of the Laplacian at which sharpness is 1/2


class Scorer(Protocol):
    """How well images show their classes."""

    def score(self, images: Any, labels: Any) -> Any:
        """Return scores (B,) in [0, 1] of images (B, C, H, W) in [0, 1] and classes (B,), tensors all."""
        ...


Custom = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Finished images (k, C, H, W) in [0, 1], their classes (k,) and steps (k,) to a number each (k,)."""


def luminance(images: np.ndarray) -> np.ndarray:
    """Return (n, H, W): the mean over channels."""
    return images.mean(axis=1)


def sharpness(images: np.ndarray) -> np.ndarray:
    """Return v / (v + SHARP) (n,) in [0, 1), v the variance over pixels of 4 Y - (the four neighbours of Y)."""
    y = np.pad(luminance(images), ((0, 0), (1, 1), (1, 1)), mode="edge")
    middle = 4 * y[:, 1:-1, 1:-1]
    laplacian = middle - y[:, :-2, 1:-1] - y[:, 2:, 1:-1] - y[:, 1:-1, :-2] - y[:, 1:-1, 2:]
    v = laplacian.var(axis=(1, 2))
    return v / (v + SHARP)


def contrast(images: np.ndarray) -> np.ndarray:
    """Return min(1, 2 x standard deviation of Y over the pixels) (n,); 1/2 is the largest deviation there is."""
    return np.minimum(1.0, 2 * luminance(images).std(axis=(1, 2)))


def saturation(images: np.ndarray) -> np.ndarray:
    """Return the mean over pixels of (max - min) / max over the channels (n,), as in HSV; 0 where max is 0."""
    most, least = images.max(axis=1), images.min(axis=1)
    return np.divide(most - least, most, out=np.zeros_like(most), where=most > 0).mean(axis=(1, 2))


def image_quality(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return sharpness, contrast, for colours also saturation, and their mean as ``image_quality``, each (n,)."""
    parts = {"sharpness": sharpness(images), "contrast": contrast(images)}
    if images.shape[1] > 1:
        parts["saturation"] = saturation(images)
    return {**parts, "image_quality": np.mean(list(parts.values()), axis=0)}


def efficiency(steps: np.ndarray, target_steps: float, beyond_target: bool = False) -> np.ndarray:
    """Return min(1, target_steps / steps) (n,); without the 1 where fewer steps than the target shall count still more."""
    ratio = target_steps / np.maximum(steps, 1)
    return ratio if beyond_target else np.minimum(1.0, ratio)


@dataclass(kw_only=True)
class FinishedImage(Reward):
    """Base of the rewards of finished images; subclasses give ``value``.

    It reads from ``transition.info``: ``last`` (n,) bool, ``images`` (n, C, H, W) in [0, 1], which count where ``last``,
    ``labels`` (n,) and ``steps`` (n,).

    Attributes:
        scorer: gives ``clip_score``.
        target_steps: steps at which ``efficiency`` is 1.
        beyond_target: whether fewer steps than that count still more.
        custom: a function of your own, by its path (``{_target_: mypackage.mine, _partial_: true}``); None: none.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"finished image"})

    scorer: Scorer
    target_steps: Annotated[float, Gt(0)] = 5.0
    beyond_target: bool = False
    custom: Custom | None = None

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return the parts (n,), NaN where no image was finished."""
        ended = np.flatnonzero(transition.info["last"])
        found = (
            self._parts(*(transition.info[key][ended] for key in ("images", "labels", "steps")))
            if len(ended)
            else {}
        )
        table = {name: np.full(len(transition.info["last"]), np.nan) for name in found}
        for name, values in found.items():
            table[name][ended] = values
        return table

    def _parts(self, images: np.ndarray, labels: np.ndarray, steps: np.ndarray) -> dict[str, np.ndarray]:
        import torch

        score = self.scorer.score(torch.as_tensor(images), torch.as_tensor(labels))
        parts = {"clip_score": np.asarray(score, dtype=np.float64), **image_quality(images)}
        parts["efficiency"] = efficiency(steps, self.target_steps, self.beyond_target)
        if self.custom is not None:
            parts["custom"] = np.asarray(self.custom(images, labels, steps), dtype=np.float64)
        return parts

    def value(self, terms: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the reward (n,) of finished images from their parts."""
        raise NotImplementedError

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each env (n,): 0 where no image was finished."""
        terms = self.terms(transition)
        return np.nan_to_num(self.value(terms)) if terms else np.zeros(len(transition.info["last"]))
