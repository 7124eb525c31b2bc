"""GRS: how a policy's return holds up along the variation levels, in the original form and in one that can be ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

LEARNED_SCORE = 0.2
"""The score at the lowest level from which on retention means something."""

SEEN = 0.5
"""The highest level any technique trains on: the levels above it are out of distribution for every one of them."""


def curve_scores(
    levels: Sequence[float],
    returns: np.ndarray,
    floors: np.ndarray | None = None,
    references: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Summarise degradation curves: mean return at each variation level, for many runs at once.

    Areas are trapezoids over the levels, stretched to [0, 1]. From the returns as they are:

    - ``train``: the return at the lowest level;
    - ``auc``: the area under the curve;
    - ``ood``: the mean return over the levels above .5, which no technique trains on, nan if there is none;
    - ``retention``: auc / train, the project's original GRS. It is 1 for a policy that is equally bad everywhere and at
      least .125 for one that collapses (five levels), so it is never to be read alone; nan where train is not positive.

    From the scores ``s = clip((return - floor) / (reference - floor), 0, 1)``, nan without floors and references:

    - ``score``: s at the lowest level;
    - ``score_auc``: the area under s, the number to rank by;
    - ``score_ood``: mean of s over the levels above .5;
    - ``score_retention``: the area under clip(s / s_lowest, 0, 1), where s_lowest is at least .2, else nan: a policy
      that has learnt nothing has nothing to keep;
    - ``score_gap``: s at the lowest level minus s at the highest.

    Args:
        levels: Increasing variation levels (L,).
        returns: Mean return at each (..., L).
        floors: Return of the better of random play and doing nothing (L,) or (..., L).
        references: Return of a perfect, or the best known, policy, alike.

    Returns:
        Arrays (...) by name.
    """
    x, y = np.asarray(levels, dtype=float), np.asarray(returns, dtype=float)
    train, auc = y[..., 0], _area(x, y)
    found = {"train": train, "auc": auc, "ood": _unseen(x, y), "retention": _divide(auc, train, train > 0)}
    if floors is None or references is None:
        return found | {name: np.full(train.shape, np.nan) for name in _SCORES}
    floor, span = np.asarray(floors, dtype=float), np.asarray(references, dtype=float) - np.asarray(floors)
    s = np.clip(_divide(y - floor, span, span > 0), 0, 1)
    first = s[..., 0]
    kept = np.clip(_divide(s, first[..., None], first[..., None] >= LEARNED_SCORE), 0, 1)
    scores = (first, _area(x, s), _unseen(x, s), _area(x, kept), first - s[..., -1])
    return found | dict(zip(_SCORES, scores, strict=True))


_SCORES = ("score", "score_auc", "score_ood", "score_retention", "score_gap")


def grs(
    levels: Sequence[float],
    returns: Sequence[float],
    floors: Sequence[float] | None = None,
    references: Sequence[float] | None = None,
) -> dict[str, float | None]:
    """Return ``curve_scores`` of one curve (L,) as plain numbers; None where a score is undefined."""
    bounds = [None if b is None else np.asarray(b, dtype=float) for b in (floors, references)]
    found = curve_scores(levels, np.asarray(returns, dtype=float), *bounds)
    return {name: float(value) if np.isfinite(value) else None for name, value in found.items()}


def remarks(scores: Mapping[str, float | None]) -> list[str]:
    """Say in words which of ``grs``'s numbers are undefined or easily misread, and why."""
    train, score, said = scores.get("train"), scores.get("score"), []
    if train is not None and train <= 0:
        kind = "negative" if train < 0 else "zero"
        said.append(f"return at the lowest level is {kind}: the original GRS divides by it and is undefined")
    if train is not None and score is None:
        said.append("no floor and reference known: returns are not comparable between envs")
    elif score is not None and score < LEARNED_SCORE:
        said.append(
            f"score at the lowest level below {LEARNED_SCORE:g}: nothing was learnt that could be retained"
        )
    return said


def _area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if len(x) == 1:
        return y[..., 0]
    return ((y[..., 1:] + y[..., :-1]) / 2 * np.diff(x)).sum(axis=-1) / (x[-1] - x[0])


def _unseen(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y[..., x > SEEN].mean(axis=-1) if (x > SEEN).any() else np.full(y.shape[:-1], np.nan)


def _divide(a: np.ndarray, b: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return np.where(valid, a / np.where(valid, b, 1), np.nan)
