"""What may be decoded next in ``env=arpg``, and what a hand-made schedule would decode: functions of the observation alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DecodingRules:
    """Small and free of the generator, since a learner that masks is saved with it.

    Attributes:
        max_parallel: most tokens of a step.
        guidances: factors of the guidance weight to choose from.
        ranks: whether positions are ranked too.
        counts: tokens of each step of the hand-made schedule.
        spread: deviation of the prior's counts from those, on a logarithmic scale.
    """

    max_parallel: int
    guidances: tuple[float, ...]
    ranks: bool
    counts: tuple[int, ...]
    spread: float

    def legal(self, observations: np.ndarray) -> np.ndarray:
        """Tell which actions there are tokens left for.

        Args:
            observations: (n, planes, S, S).

        Returns:
            (n, max_parallel) bool of the counts; each repeated for every guidance weight with ``count+cfg``; with
            ``count+positions`` followed by (n, N), the unknown positions.
        """
        unknown = observations[:, 0].reshape(len(observations), -1) < 0.5
        counts = np.arange(1, self.max_parallel + 1) <= unknown.sum(axis=1)[:, None]
        if self.ranks:
            return np.concatenate([counts, unknown], axis=1)
        return counts.repeat(len(self.guidances), axis=1)

    def by_hand(self, done: np.ndarray) -> np.ndarray:
        """Return the tokens (n,) that the schedule decodes next where ``done`` (n,) are known.

        Exact on the schedule; off it, what the schedule decodes from the same share on (linear between its steps).
        """
        known = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.float64)
        at = np.interp(done, known, np.arange(len(known)))
        following = np.interp(np.minimum(at + 1, len(known) - 1), np.arange(len(known)), known)
        return np.maximum(np.rint(following - done), 1)

    def prior(self, observations: np.ndarray) -> np.ndarray:
        """Return the logits (n, k) of a policy around the hand-made schedule; k as in ``legal``.

        Counts are log-normal around it, guidance factors around 1 (deviation .5), positions -rank/N in the env's own
        random order: the likeliest ranking is that order, and drawn ones are nearly uniform, as it was.
        """
        n = len(observations)
        hand = self.by_hand(observations[:, 0].reshape(n, -1).sum(axis=1))
        distance = np.log(np.arange(1, self.max_parallel + 1)) - np.log(hand)[:, None]
        logits = -0.5 * np.square(distance / self.spread)
        if self.ranks:
            return np.concatenate([logits, -observations[:, 1].reshape(n, -1)], axis=1)
        factors = -0.5 * np.square(np.log(np.maximum(self.guidances, 0.05)) / 0.5)
        return (logits[:, :, None] + factors).reshape(n, -1)
