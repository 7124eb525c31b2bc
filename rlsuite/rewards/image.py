"""What the rewards of pruned image generation share: quality against the unpruned image, speed, two optional terms."""

# No `from __future__ import annotations` here: the fields' types must be objects, since the signatures of subclasses in
# other modules inherit them and are read by `check`.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from rlsuite.core.errors import UserError, complaint
from rlsuite.core.interfaces import NO_USE, Reward, Transition, Use

DISTANCES = ("feature_distance", "frechet", "lpips")
"""Measures of which less is better."""


@dataclass(kw_only=True)
class ImageReward(Reward):
    """Base of the image rewards; subclasses give ``value``.

    It reads from ``transition.info``, arrays (n,): the ``measure`` of the image against the unpruned image of the same
    seed at the same scale (``psnr`` in dB), ``ratio``, ``flops_scale`` (share of this scale's FLOPs saved), and the running totals ``flops_total``
    and ``ratio_total`` (shares of the whole image's); of measure and totals also ``previous_*``; ``last`` (bool) and, on
    the last step, ``recognised`` (1 if a classifier finds the class asked for).

    Attributes:
        lo: value of the measure at which quality is 0 (PSNR: in dB); above ``hi`` where the measure is a distance.
        hi: value of the measure at which quality is 1.
        measure: what quality is measured by; all but ``psnr``, ``ssim`` need a model (see ``generators.measures``).
        speed: what speed means: FLOPs saved, or the pruning ratio itself (the original notes' choice; tokens are no cost).
        success_weight: added on the last step where the class is recognised.
        over_pruning_weight: taken away at each step in proportion to how far the measure lies beyond ``lo``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image"})

    lo: float = 18.0
    hi: float = 26.0
    measure: Literal["psnr", "ssim", "feature_distance", "frechet", "lpips", "clip"] = "psnr"
    speed: Literal["flops", "ratio"] = "flops"
    success_weight: Annotated[float, Ge(0)] = 0.0
    over_pruning_weight: Annotated[float, Ge(0)] = 0.0

    @classmethod
    def problems(cls, use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say what is refused below; models among the settings need not be built."""
        return complaint(lambda: cls(**settings))

    def __post_init__(self) -> None:
        """Refuse an empty range of quality, or one the wrong way round."""
        distance = self.measure in DISTANCES
        if not (self.hi < self.lo if distance else self.lo < self.hi):
            where = "above" if distance else "below"
            raise UserError(
                f"reward.lo must be {where} reward.hi for {self.measure}, not {self.lo} and {self.hi}"
            )

    def quality(self, value: np.ndarray) -> np.ndarray:
        """Map the measure (n,) to [0, 1]: clip((value - lo) / (hi - lo), 0, 1)."""
        return np.clip((value - self.lo) / (self.hi - self.lo), 0.0, 1.0)

    def qualities(self, info: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the quality (n,) now, and before this step."""
        return self.quality(info[self.measure]), self.quality(info[f"previous_{self.measure}"])

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return ``quality_score`` and ``speed_score`` (n,): this step's, both in [0, 1]."""
        info = transition.info
        speed = info["flops_scale"] if self.speed == "flops" else info["ratio"]
        return {"quality_score": self.qualities(info)[0], "speed_score": speed}

    def beyond(self, value: np.ndarray) -> np.ndarray:
        """How far the measure (n,) lies on the wrong side of ``lo``, as a share of it, in [0, 1]."""
        short = (self.lo - value) * np.sign(self.hi - self.lo)
        return np.clip(short / max(abs(self.lo), 1e-9), 0.0, 1.0)

    def saved(self, info: Mapping[str, np.ndarray], when: Literal["", "previous_"] = "") -> np.ndarray:
        """Return the saving accumulated over the episode (n,): share of the whole image's FLOPs, or mean ratio."""
        return info[f"{when}{self.speed}_total"]

    def value(self, transition: Transition) -> np.ndarray:
        """Return the reward (n,) before the optional terms."""
        raise NotImplementedError

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each env (n,)."""
        reward = self.value(transition)
        info = transition.info
        if self.success_weight:
            reward = reward + self.success_weight * np.where(info["last"], info["recognised"], 0.0)
        if self.over_pruning_weight:
            reward = reward - self.over_pruning_weight * self.beyond(info[self.measure])
        return reward
