"""Which places to take first: rankings whose next place is always drawn by a softmax of scores over the places left.

Plackett, "The analysis of permutations" (1975); drawn by adding Gumbel noise and sorting: Kool, van Hoof and Welling,
"Stochastic beams and where to find them" (2019), https://arxiv.org/abs/1903.06059.
"""

from __future__ import annotations

import torch
from torch import Tensor

CLOSED = -1e30  # stands for the score of a place that may not be taken: exp of it is 0


def draw_ranking(scores: Tensor, noise: bool = True) -> Tensor:
    """Return rankings (B, N) int64 of places by ``scores`` (B, N), -inf for those that may not be taken, which come last.

    With noise they are exact draws of the model: the first n are a draw without replacement, in order (Gumbel-top-n).
    Without it they are the most likely ones; among equals the first place wins.
    """
    if noise:
        uniform = torch.rand_like(scores).clamp_(1e-20, 1 - 1e-12)
        scores = scores - torch.log(-torch.log(uniform))
    return scores.argsort(dim=1, descending=True, stable=True)


def ranking_terms(scores: Tensor, ranking: Tensor) -> tuple[Tensor, Tensor]:
    """Look at a ranking one draw after the other.

    Args:
        scores: (B, N), -inf for places that may not be taken.
        ranking: (B, N) int64, all places; those that may be taken stand first.

    Returns:
        The log-probability of each draw given those before it, and the entropy of each draw, both (B, N): draw i is made
        among ranking[i:]. 0 where no place is left to draw.
    """
    ordered = scores.gather(1, ranking)
    open_ = torch.isfinite(ordered)
    ordered = torch.where(open_, ordered, CLOSED)  # finite, or the gradient of logcumsumexp would be NaN
    shifted = torch.where(open_, ordered - ordered.amax(1, keepdim=True), CLOSED)
    left = shifted.flip(1).logcumsumexp(1).flip(1)  # log-sum over the places not drawn before i
    products = torch.where(open_, shifted, 0.0) * shifted.exp()
    expected = products.flip(1).cumsum(1).flip(1) / torch.where(open_, left, 0.0).exp()
    return torch.where(open_, shifted - left, 0.0), torch.where(open_, left - expected, 0.0)


class CountedRanking:
    """How many places to take, and which: log P(n) + the log-probability of the first n places in their order.

    An action (1 + N,) is n - 1 and a ranking of all places. What stands behind place n is not drawn: it decides nothing.

    Args:
        counts: (B, K) logits of n = 1..K, -inf (or very low) where n is illegal.
        scores: (B, N) scores of the places, -inf where a place may not be taken. Computed in double precision.
    """

    def __init__(self, counts: Tensor, scores: Tensor) -> None:
        self.counts = torch.distributions.Categorical(
            logits=counts.double().clamp_min(CLOSED), validate_args=False
        )
        self.scores = scores.double()

    def get_actions(self, deterministic: bool = False) -> Tensor:
        """Return drawn actions (B, 1 + N) int64, or the likeliest count with the ranking by scores."""
        count = self.counts.probs.argmax(1) if deterministic else self.counts.sample()
        ranking = draw_ranking(self.scores, noise=not deterministic)
        return torch.cat([count[:, None], ranking], dim=1)

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return the exact log-probabilities (B,) of actions (B, 1 + N)."""
        count, draws, _ = self._parts(actions)
        return (self.counts.log_prob(count) + draws).float()

    def entropy(self, actions: Tensor) -> Tensor:
        """Estimate the entropies (B,) along actions drawn from this very distribution.

        That of the count is exact; that of the places is the sum of the exact entropies of the draws that were made, each
        given those before it: by the chain rule an unbiased estimate, and of far less variance than -log p.
        """
        _, _, entropies = self._parts(actions)
        return (self.counts.entropy() + entropies).float()

    def _parts(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count, ranking = actions[:, 0].long(), actions[:, 1:].long()
        log_probs, entropies = ranking_terms(self.scores, ranking)
        made = torch.arange(ranking.shape[1], device=ranking.device) <= count[:, None]
        return count, (log_probs * made).sum(1), (entropies * made).sum(1)
