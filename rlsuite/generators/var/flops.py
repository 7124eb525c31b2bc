"""The cost of a VAR with pruned tokens, analytically."""

from __future__ import annotations

from torch import Tensor

from rlsuite.generators.next_scale.pruning import block_flops, ran_tokens
from rlsuite.generators.var.transformer import VARConfig


def var_flops(config: VARConfig, vocab_size: int, code_channels: int, layers: range, kept: Tensor) -> Tensor:
    """Transformer FLOPs of every scale of an episode, of one guidance half (a multiply-add counts two).

    Counted: linear layers (on the kept tokens in pruned blocks), attention (kept queries x keys, whose number
    shrinks with earlier pruning), modulation, word embedding, head. Not counted, being the same or negligible:
    norms, softmax, scores, resizing, the quantiser and the decoder.

    Args:
        config: the transformer's shape.
        vocab_size: codes.
        code_channels: channels of a code.
        layers: the blocks that prune.
        kept: (B, K) tokens kept at each scale, 0 = skipped.

    Returns:
        (B, K) float64.
    """
    c = config.embed_dim
    kept, run, length = ran_tokens(kept, config.lengths)
    blocks = block_flops(c, 2 * c * (4 * c + 2 * config.hidden), config.depth, layers, kept, length)
    modulation = 2 * c * c * (2 + (6 if config.shared_aln else 6 * config.depth)) * run
    ends = 2 * length * (code_channels * c + c * vocab_size)
    ends[:, 0] -= (
        2 * length[:, 0] * code_channels * c
    )  # the first token is the class, it has no word embedding
    return blocks + modulation + ends
