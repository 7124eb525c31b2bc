"""How far the gradients of several variations agree (GAS)."""

from __future__ import annotations

import numpy as np


def agreement(gram: np.ndarray) -> dict[str, float | None]:
    """Summarise how far k gradients g_1..g_k agree, from their inner products.

    - ``with_mean``: mean over i of cos(g_i, m), m the mean of all. Each is a part of its own reference, so k unrelated
      gradients of one length score 1/sqrt(k) (.577 for three), not 0.
    - ``pairwise``: mean over i < j of cos(g_i, g_j); unrelated gradients score 0, and -1/(k-1) is the least possible.
      For equal lengths, with_mean**2 = (1 + (k-1) pairwise) / k.
    - ``leave_one_out``: mean over i of cos(g_i, mean of the others); unrelated gradients score 0.

    All three sink with the noise of small batches, see ``gradient_agreement_score``.

    Args:
        gram: (k, k) inner products, k > 1.

    Returns:
        The three means; None where a gradient or a reference is zero.
    """
    gram = np.asarray(gram, dtype=float)
    k = len(gram)
    everything, others = np.ones((k, k)) / k, (1 - np.eye(k)) / max(k - 1, 1)
    upper = np.triu_indices(k, 1)
    return {
        "with_mean": _mean_or_none(_cosines(gram, everything).diagonal()),
        "pairwise": _mean_or_none(_cosines(gram, np.eye(k))[upper]),
        "leave_one_out": _mean_or_none(_cosines(gram, others).diagonal()),
    }


def gradient_agreement_score(gram: np.ndarray) -> dict[str, float | None]:
    """Summarise agreement across variations beside agreement within one: k variations, two independent halves each.

    With h_ia the gradient of half a of variation i, and all halves of equal size:

    - ``across``: mean over i != j and halves a, b of cos(h_ia, h_jb);
    - ``within``: mean over i of cos(h_i1, h_i2), what batches of this size agree by at most (the noise ceiling);
    - ``ratio``: across / within, a correlation corrected for attenuation (Spearman 1904): 1 where the variations cannot
      be told apart, about 0 where they share nothing. None where within is not above .05: then all is noise.

    and ``agreement`` of the variations' whole gradients g_i = (h_i1 + h_i2) / 2.

    Args:
        gram: (2k, 2k) inner products; rows 0..k-1 are the first halves of variations 0..k-1, the others the second.
    """
    gram = np.asarray(gram, dtype=float)
    k = len(gram) // 2
    cosines = _cosines(gram, np.eye(2 * k))
    same = np.eye(k, dtype=bool)
    blocks = cosines.reshape(2, k, 2, k).transpose(0, 2, 1, 3)  # (half, half, variation, variation)
    across, within = _mean_or_none(blocks[:, :, ~same]), _mean_or_none(blocks[0, 1][same])
    whole = gram.reshape(2, k, 2, k).mean(axis=(0, 2))
    return {**agreement(whole), "across": across, "within": within, "ratio": disattenuated(across, within)}


def disattenuated(across: float | None, within: float | None) -> float | None:
    """Return across / within; None where either is missing or within is lost in noise (not above .05)."""
    return across / within if across is not None and within is not None and within > 0.05 else None


def _cosines(gram: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the cosines (k, r) of k vectors with r sums of them, ``weights`` (k, r); nan with a zero vector."""
    lengths = np.sqrt(np.clip(gram.diagonal(), 0, None))
    sums = np.sqrt(np.clip(np.einsum("ir,ij,jr->r", weights, gram, weights), 0, None))
    scale = np.outer(lengths, sums)
    # rounding leaves about 1e-8 of a length where vectors cancel
    tiny = 1e-6 * lengths.max(initial=0.0) ** 2
    return np.where(scale > tiny, gram @ weights / np.where(scale > tiny, scale, 1), np.nan)


def _mean_or_none(values: np.ndarray) -> float | None:
    return None if values.size == 0 or np.isnan(values).any() else float(values.mean())
