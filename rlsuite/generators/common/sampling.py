"""Guidance, filtering and drawing of next-scale logits: pure functions of tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Observer = Callable[[str, Tensor], None]
"""Called with the logits of a step by name (``raw``, ``guided``, ...), for tests and tools."""


def guide(raw: Tensor, cfg: Tensor, scale: int, n_scales: int) -> Tensor:
    """Classifier-free guidance with VAR's linear ramp: none at the first scale, ``cfg`` at the last.

    Args:
        raw: (2B, l, V), conditional half first.
        cfg: (B,) guidance weights.
        scale: index of the scale.
        n_scales: number of scales.

    Returns:
        (B, l, V): ``(1 + t) cond - t uncond`` with ``t = cfg * scale / (n_scales - 1)``.
    """
    cond, uncond = raw.chunk(2)
    t = (cfg * (scale / max(n_scales - 1, 1))).to(raw.dtype).view(-1, 1, 1)
    return ((1 + t) * cond).sub_(t * uncond)


def filter_logits(logits: Tensor, top_k: int = 0, top_p: float = 0.0) -> Tensor:
    """Remove (-inf) all but the ``top_k`` best, then the tail beyond the nucleus of mass ``top_p``; 0 = off.

    Top-k keeps ties of the k-th value; top-p works on what top-k left and always keeps the best (..., V).
    """
    if top_k > 0:
        least = logits.topk(min(top_k, logits.shape[-1]), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p > 0:
        ascending, order = logits.sort(dim=-1)
        drop = ascending.softmax(-1).cumsum(-1) <= 1 - top_p
        drop[..., -1] = False
        logits = logits.masked_fill(torch.zeros_like(drop).scatter(-1, order, drop), -torch.inf)
    return logits


def certainty(logits: Tensor) -> Tensor:
    """How sure a distribution is, (..., 2): its largest probability, and its entropy over that of a uniform one (..., V)."""
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    entropy = -(p * log_p.clamp(min=-1e4)).sum(-1) / math.log(
        logits.shape[-1]
    )  # 0 * -inf of removed codes is 0
    return torch.stack((p.amax(-1), entropy), -1)


def draw_tokens(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Inverse-CDF sampling: one token (...) from logits (..., V) for each number of ``uniforms`` (...) in [0, 1).

    A token is a function of its own number, so no draw depends on who else is in the batch. Summed in double
    precision, so that a number close to 1 cannot pass the end of the distribution.
    """
    cdf = logits.softmax(-1).cumsum(-1, dtype=torch.double)
    return torch.searchsorted(cdf, (uniforms.double()[..., None] * cdf[..., -1:]), right=True)[..., 0]


def draw_stream(logits: Tensor, stream: Tensor) -> tuple[Tensor, Tensor]:
    """Draw as upstream does: one ``multinomial`` over the whole batch from one generator.

    Args:
        logits: (B, l, V).
        stream: state of a CPU ``torch.Generator``.

    Returns:
        tokens (B, l) and the stream's new state.
    """
    generator = torch.Generator()
    generator.set_state(stream)
    probabilities = logits.softmax(-1).flatten(0, 1).cpu()
    tokens = torch.multinomial(probabilities, 1, replacement=True, generator=generator).view(logits.shape[:2])
    return tokens.to(logits.device), generator.get_state()


def env_uniforms(seeds: Sequence[int], length: int) -> Tensor:
    """All random numbers of an episode at once: (B, length) in [0, 1), row i from ``seeds[i]`` alone."""
    rows = [torch.rand(length, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(rows) if rows else torch.empty(0, length)
