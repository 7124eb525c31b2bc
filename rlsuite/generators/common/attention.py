"""What the next-scale transformers share: attention in steps, the FFN, and the norm before the classifier.

Pure functions of their input; state-dict names follow the released checkpoints.
Source: Tian et al., Visual Autoregressive Modeling (2024).
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Width(Protocol):
    """What the parts of a block read from the config of their model."""

    @property
    def embed_dim(self) -> int:
        """Width C."""

    @property
    def num_heads(self) -> int:
        """Attention heads."""

    @property
    def hidden(self) -> int:
        """Hidden width of the FFN."""

    @property
    def norm_eps(self) -> float:
        """Epsilon of the layer norms."""

    @property
    def attn_l2_norm(self) -> bool:
        """Normalise q and k and learn the temperature of each head."""


def normalised(x: Tensor) -> Tensor:
    """Vectors (..., D) of length one: ``F.normalize`` in fewer calls, which is what small generators spend their time on."""
    return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_min(1e-12)


class SelfAttention(nn.Module):
    """Multi-head attention in steps, so that a caller may keep keys and values."""

    zero_k_bias: Tensor

    def __init__(self, cfg: Width) -> None:
        super().__init__()
        c, self.heads, self.l2_norm = cfg.embed_dim, cfg.num_heads, cfg.attn_l2_norm
        self.scale = 1.0 if cfg.attn_l2_norm else 0.25 / math.sqrt(c // cfg.num_heads)
        if cfg.attn_l2_norm:
            self.scale_mul_1H11 = nn.Parameter(torch.full((1, cfg.num_heads, 1, 1), math.log(4.0)))
        self.mat_qkv = nn.Linear(c, 3 * c, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(c)), nn.Parameter(torch.zeros(c))
        self.register_buffer("zero_k_bias", torch.zeros(c))
        self.proj = nn.Linear(c, c)

    def fixed(self) -> tuple[Tensor, Tensor | None]:
        """Return what does not depend on tokens: the bias (3C,), and each head's temperature (H, 1) if there is one."""
        bias = torch.cat((self.q_bias, self.zero_k_bias, self.v_bias))
        if not self.l2_norm:
            return bias, None
        return bias, self.scale_mul_1H11.clamp_max(math.log(100.0)).exp().view(self.heads, 1)

    def qkv(
        self, x: Tensor, fixed: tuple[Tensor, Tensor | None] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys, values (..., H, D) of tokens (..., C), normalised and scaled; ``fixed``: of :meth:`fixed`, if already computed."""
        bias, temperature = fixed or self.fixed()
        y = F.linear(x, self.mat_qkv.weight, bias).view(*x.shape[:-1], 3, self.heads, -1)
        q, k, v = y.unbind(-3)
        if temperature is not None:
            q, k = normalised(y[..., :2, :, :]).unbind(-3)
            q = q * temperature
        return q, k, v

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attention of q (B, Q, H, D) over k, v (B, S, H, D); mask broadcasts to (B, H, Q, S). (B, Q, C)."""
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=self.scale)
        return out.transpose(1, 2).flatten(2)


class FFN(nn.Module):
    """Linear, GELU (tanh form), Linear."""

    def __init__(self, cfg: Width) -> None:
        super().__init__()
        self.fc1 = nn.Linear(cfg.embed_dim, cfg.hidden)
        self.fc2 = nn.Linear(cfg.hidden, cfg.embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to the same."""
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class AdaLNHead(nn.Module):
    """Norm before the classifier, scaled and shifted by the condition (order scale, shift)."""

    def __init__(self, cfg: Width) -> None:
        super().__init__()
        self.width, self.eps = cfg.embed_dim, cfg.norm_eps
        self.ada_lin = nn.Sequential(nn.SiLU(), nn.Linear(cfg.embed_dim, 2 * cfg.embed_dim))

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """Tokens (B, L, C) under the condition (B, C)."""
        scale, shift = self.ada_lin(cond).view(-1, 1, 2, self.width).unbind(2)
        return torch.addcmul(shift, F.layer_norm(x, (self.width,), eps=self.eps), scale + 1)
