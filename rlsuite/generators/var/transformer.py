"""The next-scale transformer of VAR: AdaLN blocks over the tokens of all scales.

The modules here are pure functions of their input; caches of a generation live in its state
(:mod:`rlsuite.generators.var.generator`). State-dict names, buffers included, follow the released checkpoints.
Source: Tian et al., Visual Autoregressive Modeling (2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rlsuite.generators.common.attention import FFN, AdaLNHead, SelfAttention

Modulation = tuple[Tensor, ...]
"""Six: gamma1, gamma2, gain1, gain2, shift1, shift2, each (B, 1, C): the order of the checkpoints, gains one more than their scales."""


@dataclass(frozen=True)
class VARConfig:
    """Everything that decides the transformer's arithmetic; the defaults are the released d16's.

    Attributes:
        num_classes: classes; label ``num_classes`` is the null class.
        depth: blocks.
        embed_dim: width C.
        num_heads: attention heads.
        mlp_ratio: hidden width of the FFN over C.
        drop_path_rate: stochastic depth of the last block (training only).
        norm_eps: epsilon of the layer norms.
        shared_aln: one modulation network for all blocks plus a learned offset a block.
        cond_drop_rate: share of labels replaced by the null class in training.
        attn_l2_norm: normalise q and k and learn the temperature of each head.
        patch_nums: side of each scale.
    """

    num_classes: int = 1000
    depth: int = 16
    embed_dim: int = 1024
    num_heads: int = 16
    mlp_ratio: float = 4.0
    drop_path_rate: float = 0.0
    norm_eps: float = 1e-6
    shared_aln: bool = False
    cond_drop_rate: float = 0.1
    attn_l2_norm: bool = True
    patch_nums: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each scale."""
        return tuple(p * p for p in self.patch_nums)

    @property
    def hidden(self) -> int:
        """Hidden width of the FFN."""
        return round(self.embed_dim * self.mlp_ratio)


class VARBlock(nn.Module):
    """One AdaLN block; ``normed`` and the sub-layers are separate so that a caller may run them on some tokens."""

    ada_gss: Tensor
    ada_lin: nn.Sequential

    def __init__(self, cfg: VARConfig, drop_path: float) -> None:
        super().__init__()
        c = cfg.embed_dim
        self.width, self.eps, self.drop_path = c, cfg.norm_eps, drop_path
        self.attn, self.ffn = SelfAttention(cfg), FFN(cfg)
        if cfg.shared_aln:
            self.ada_gss = nn.Parameter(torch.randn(1, 1, 6, c) / c**0.5)
        else:
            self.ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(c, 6 * c))

    def modulation(self, cond: Tensor, shared: Tensor | None) -> Modulation:
        """The six vectors from the condition (B, C), or from the shared network's output (B, 1, 6, C)."""
        own = self.ada_gss + shared if shared is not None else self.ada_lin(cond)
        six = own.view(-1, 1, 6, self.width)
        gamma1, gamma2, scale1, scale2, shift1, shift2 = six.unbind(2)
        return gamma1, gamma2, scale1 + 1, scale2 + 1, shift1, shift2

    def normed(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """Layer norm without parameters, then the condition's gain and shift."""
        return torch.addcmul(shift, torch.layer_norm(x, (self.width,), eps=self.eps), gain)

    def _drop(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or self.drop_path == 0:
            return x
        keep = torch.rand(x.shape[0], 1, 1, generator=generator, device=x.device) >= self.drop_path
        return x * keep / (1 - self.drop_path)

    def forward(
        self, x: Tensor, m: Modulation, mask: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        """All tokens at once, as in training."""
        g1, g2, gain1, gain2, shift1, shift2 = m
        y = self.attn.attend(*self.attn.qkv(self.normed(x, gain1, shift1)), mask)
        x = x + self._drop(self.attn.proj(y) * g1, generator)
        return x + self._drop(self.ffn(self.normed(x, gain2, shift2)) * g2, generator)


class VAR(nn.Module):
    """Class label and codes of the scales so far -> logits of the next scale's codes.

    Args:
        config: the transformer's shape.
        vocab_size: codes of the tokenizer.
        code_channels: channels of a code.
    """

    lvl_1L: Tensor  # noqa: N815 - the checkpoints' name
    shared_ada_lin: nn.Sequential
    attn_bias_for_masking: Tensor

    def __init__(self, config: VARConfig, vocab_size: int, code_channels: int) -> None:
        super().__init__()
        c, length = config.embed_dim, sum(config.lengths)
        self.config, self.vocab_size, self.code_channels = config, vocab_size, code_channels
        self.word_embed = nn.Linear(code_channels, c)
        self.class_emb = nn.Embedding(config.num_classes + 1, c)
        self.pos_start = nn.Parameter(torch.empty(1, config.lengths[0], c))
        self.pos_1LC = nn.Parameter(torch.empty(1, length, c))
        self.lvl_embed = nn.Embedding(len(config.patch_nums), c)
        if config.shared_aln:
            self.shared_ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(c, 6 * c))
        rates = [config.drop_path_rate * i / max(config.depth - 1, 1) for i in range(config.depth)]
        self.blocks = nn.ModuleList(VARBlock(config, rate) for rate in rates)
        level = torch.cat([torch.full((n,), i) for i, n in enumerate(config.lengths)])
        self.register_buffer("lvl_1L", level[None])
        bias = torch.where(level[:, None] >= level[None], 0.0, -torch.inf)
        self.register_buffer("attn_bias_for_masking", bias[None, None].contiguous())
        self.head_nm = AdaLNHead(config)
        self.head = nn.Linear(c, vocab_size)
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        """Upstream's start: small gammas and head, so that a fresh model is close to the identity."""
        c, depth = self.config.embed_dim, self.config.depth
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.trunc_normal_(module.weight, std=(1 / c / 3) ** 0.5)
                if isinstance(module, nn.Linear) and module.bias is not None:
                    module.bias.zero_()
        for p in (self.pos_start, self.pos_1LC):
            nn.init.trunc_normal_(p, std=(1 / c / 3) ** 0.5)
        self.head.weight.mul_(0.02)
        self.head_nm.ada_lin[1].get_parameter("weight").mul_(0.5)
        for block in self.layers:
            block.attn.proj.weight.div_((2 * depth) ** 0.5)
            block.ffn.fc2.weight.div_((2 * depth) ** 0.5)
            if not self.config.shared_aln:
                gammas, others = block.ada_lin[1].get_parameter("weight").split((2 * c, 4 * c))
                gammas.mul_(1e-3)
                others.mul_(0.5)

    @property
    def layers(self) -> list[VARBlock]:
        """The blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, VARBlock)]

    def condition(self, labels: Tensor) -> Tensor:
        """Condition (B, C) of labels (B,); a label below 0 is the null class."""
        return self.class_emb(torch.where(labels < 0, self.config.num_classes, labels))

    def shared(self, cond: Tensor) -> Tensor | None:
        """Output (B, 1, 6, C) of the shared modulation network, None when every block has its own."""
        if not self.config.shared_aln:
            return None
        return self.shared_ada_lin(cond).view(-1, 1, 6, self.config.embed_dim)

    def positions(self, scale: int) -> Tensor:
        """Position and level embedding (1, l, C) of the tokens of ``scale``."""
        start = sum(self.config.lengths[:scale])
        stop = start + self.config.lengths[scale]
        return self.lvl_embed(self.lvl_1L[:, start:stop]) + self.pos_1LC[:, start:stop]

    def embed(self, cond: Tensor, features: Tensor | None, scale: int) -> Tensor:
        """Tokens (B, l, C) entering block 0: the condition at scale 0, else features (B, l, code_channels)."""
        if scale == 0:
            return cond[:, None] + self.pos_start + self.positions(0)
        return self.word_embed(features) + self.positions(scale)

    def logits(self, x: Tensor, cond: Tensor) -> Tensor:
        """Logits (B, L, V) of the last block's output."""
        return self.head(self.head_nm(x, cond))

    def drop_labels(self, labels: Tensor, generator: torch.Generator | None) -> Tensor:
        """Replace a share ``cond_drop_rate`` of the labels by the null class."""
        drop = (
            torch.rand(labels.shape, generator=generator, device=labels.device) < self.config.cond_drop_rate
        )
        return torch.where(drop, self.config.num_classes, labels)

    def forward(self, labels: Tensor, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Teacher forcing: logits (B, L, V) of all scales at once.

        Args:
            labels: (B,) int64; drop some first with :meth:`drop_labels` in training.
            features: (B, L - l_1, code_channels), see :meth:`MultiScaleQuantizer.teacher_input`.
            generator: stream of the stochastic depth.
        """
        cond = self.condition(labels)
        first = cond[:, None] + self.pos_start.expand(len(labels), -1, -1)
        x = torch.cat((first, self.word_embed(features)), 1) + self.lvl_embed(self.lvl_1L) + self.pos_1LC
        shared = self.shared(cond)
        for block in self.layers:
            x = block(x, block.modulation(cond, shared), self.attn_bias_for_masking, generator)
        return self.logits(x, cond)
