"""What the rewards of pruned image generation share: quality against the unpruned image, speed, two optional terms."""

# No `from __future__ import annotations` here: the fields' types must be objects, since the signatures of subclasses in
# other modules inherit them and are read by `check`.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from rlsuite.contracts import Ge, Transition, UserError


@dataclass(kw_only=True)
class ImageReward:
    """Base of the image rewards; subclasses give ``value``.

    It reads from ``transition.info``, arrays (n,): ``psnr`` in dB against the unpruned image of the same seed at the
    same scale, ``ratio``, ``flops_scale`` (share of this scale's FLOPs saved), and the running totals ``flops_total``
    and ``ratio_total`` (shares of the whole image's); of PSNR and totals also ``previous_*``; ``last`` (bool) and, on
    the last step, ``recognised`` (1 if a classifier finds the class asked for).

    Attributes:
        lo: PSNR in dB at which quality is 0.
        hi: PSNR in dB at which quality is 1.
        speed: what speed means: FLOPs saved, or the pruning ratio itself (the seed's choice; tokens are no cost).
        success_weight: added on the last step where the class is recognised.
        over_pruning_weight: taken away at each step in proportion to how far PSNR lies below ``lo``.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"image"})

    lo: float = 18.0
    hi: float = 26.0
    speed: Literal["flops", "ratio"] = "flops"
    success_weight: Annotated[float, Ge(0)] = 0.0
    over_pruning_weight: Annotated[float, Ge(0)] = 0.0

    def __post_init__(self) -> None:
        """Refuse an empty range of quality."""
        if not self.lo < self.hi:
            raise UserError(f"reward.lo must be below reward.hi, not {self.lo} and {self.hi}")

    def quality(self, psnr: np.ndarray) -> np.ndarray:
        """Map PSNR (n,) in dB to [0, 1]: clip((psnr - lo) / (hi - lo), 0, 1)."""
        return np.clip((psnr - self.lo) / (self.hi - self.lo), 0.0, 1.0)

    def terms(self, transition: Transition) -> Mapping[str, np.ndarray]:
        """Return ``quality_score`` and ``speed_score`` (n,): this step's, both in [0, 1]."""
        info = transition.info
        speed = info["flops_scale"] if self.speed == "flops" else info["ratio"]
        return {"quality_score": self.quality(info["psnr"]), "speed_score": speed}

    def saved(self, info: Mapping[str, np.ndarray], when: Literal["", "previous_"] = "") -> np.ndarray:
        """Return the saving accumulated over the episode (n,): share of the whole image's FLOPs, or mean ratio."""
        return info[f"{when}{self.speed}_total"]

    def value(self, transition: Transition) -> np.ndarray:
        """Return the reward (n,) before the optional terms."""
        raise NotImplementedError

    def __call__(self, transition: Transition) -> np.ndarray:
        """Return the reward of each lane (n,)."""
        reward = self.value(transition)
        info = transition.info
        if self.success_weight:
            reward = reward + self.success_weight * np.where(info["last"], info["recognised"], 0.0)
        if self.over_pruning_weight:
            reward = reward - self.over_pruning_weight * np.clip((self.lo - info["psnr"]) / self.lo, 0.0, 1.0)
        return reward
