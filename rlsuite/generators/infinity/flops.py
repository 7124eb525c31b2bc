"""The cost of an Infinity with pruned tokens, analytically."""

from __future__ import annotations

from torch import Tensor

from rlsuite.generators.infinity.transformer import InfinityConfig
from rlsuite.generators.next_scale.pruning import block_flops, ran_tokens


def infinity_flops(config: InfinityConfig, layers: range, kept: Tensor, text: float) -> Tensor:
    """Transformer FLOPs of every scale of an episode, of one guidance half (a multiply-add counts two).

    Counted as for a VAR (:func:`rlsuite.generators.var.flops.var_flops`), and attention to the text with its keys and values.

    Args:
        config: the transformer's shape.
        layers: the blocks that prune.
        kept: (B, K) tokens kept at each scale, 0 = skipped.
        text: mean number of tokens of a prompt.

    Returns:
        (B, K) float64.
    """
    c = config.embed_dim
    kept, run, length = ran_tokens(kept, config.lengths)
    per_token = 2 * c * (4 * c + 2 * config.hidden) + 2 * c * 2 * c + 4 * c * text
    blocks = block_flops(c, per_token, config.depth, layers, kept, length)
    fixed = (
        2 * c * c * (8 + 2 * text * config.depth) * run
    )  # shared modulation, head's, keys and values of the text
    ends = 2 * length * c * (config.code_bits + 2 * config.code_bits)
    ends[:, 0] -= 2 * length[:, 0] * c * config.code_bits
    return blocks + fixed + ends
