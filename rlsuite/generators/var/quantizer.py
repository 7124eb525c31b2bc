"""Multi-scale residual vector quantiser of VAR: one codebook, K scales, a small conv after each up-sampling.

Source: Tian et al. (2024), algorithms 1 and 2. State-dict names follow the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.resizing import resizing


class Phi(nn.Conv2d):
    """``(1 - r) x + r conv3x3(x)``: repairs what the bicubic up-sampling of a coarse code map loses."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__(channels, channels, 3, padding=1)
        self.ratio = ratio

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return x * (1 - self.ratio) + super().forward(x) * self.ratio


def phi_index(count: int, n_scales: int) -> tuple[int, ...]:
    """Which of ``count`` shared convs serves each scale: the nearest tick to the scale's place in [0, 1].

    >>> phi_index(4, 10)
    (0, 0, 1, 1, 1, 2, 2, 3, 3, 3)
    """
    margin = 1 / (3 if count == 4 else 2) / count  # upstream's ticks are set wider for exactly four convs
    ticks = np.linspace(margin, 1 - margin, count)
    return tuple(int(np.argmin(np.abs(ticks - i / max(n_scales - 1, 1)))) for i in range(n_scales))


class SharedPhi(nn.Module):
    """One conv for all scales."""

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        self.qresi = Phi(channels, ratio)

    def at(self, scale: int) -> Phi:
        """The conv of ``scale``."""
        return self.qresi


class PartlySharedPhi(nn.Module):
    """``count`` convs shared by all scales (four in the released models)."""

    def __init__(self, channels: int, ratio: float, count: int, n_scales: int) -> None:
        super().__init__()
        self.qresi_ls = nn.ModuleList(Phi(channels, ratio) for _ in range(count))
        self.index = phi_index(count, n_scales)

    def at(self, scale: int) -> nn.Module:
        """The conv of ``scale``."""
        return self.qresi_ls[self.index[scale]]


class OwnPhi(nn.ModuleList):
    """A conv for each scale."""

    def __init__(self, channels: int, ratio: float, n_scales: int) -> None:
        super().__init__(Phi(channels, ratio) for _ in range(n_scales))

    def at(self, scale: int) -> nn.Module:
        """The conv of ``scale``."""
        return self[phi_index(len(self), len(self))[scale]]


class MultiScaleQuantizer(nn.Module):
    """Codes a feature map as K maps of indices of growing side.

    Args:
        vocab_size: number of codes V.
        channels: channels of a code.
        sides: side of each scale; the last one is the side of the latent.
        beta: weight of the commitment term.
        using_znorm: nearest code by cosine instead of by distance.
        quant_resi: share of the conv in :class:`Phi`.
        share_quant_resi: 1 = one conv, 0 = one a scale, n = n convs shared.
    """

    ema_vocab_hit_SV: Tensor  # noqa: N815 - the checkpoints' name

    def __init__(
        self,
        vocab_size: int,
        channels: int,
        sides: Sequence[int],
        beta: float = 0.25,
        using_znorm: bool = False,
        quant_resi: float = 0.5,
        share_quant_resi: int = 4,
    ) -> None:
        super().__init__()
        self.sides, self.beta, self.using_znorm = tuple(sides), beta, using_znorm
        self.embedding = nn.Embedding(vocab_size, channels)
        if share_quant_resi == 0:
            self.quant_resi: OwnPhi | SharedPhi | PartlySharedPhi = OwnPhi(channels, quant_resi, len(sides))
        elif share_quant_resi == 1:
            self.quant_resi = SharedPhi(channels, quant_resi)
        else:
            self.quant_resi = PartlySharedPhi(channels, quant_resi, share_quant_resi, len(sides))
        # Usage statistics only; never read by the arithmetic.
        self.register_buffer("ema_vocab_hit_SV", torch.zeros(len(sides), vocab_size))

    @property
    def side(self) -> int:
        """Side of the latent."""
        return self.sides[-1]

    def nearest(self, z: Tensor) -> Tensor:
        """Index of the nearest code; z (..., C) to (...) int64."""
        flat, codes = z.reshape(-1, z.shape[-1]), self.embedding.weight
        if self.using_znorm:
            index = (F.normalize(flat, dim=-1) @ F.normalize(codes, dim=-1).T).argmax(1)
        else:
            index = (flat.square().sum(1, True) + codes.square().sum(1) - 2 * flat @ codes.T).argmin(1)
        return index.reshape(z.shape[:-1])

    def contribution(self, index: Tensor, scale: int) -> Tensor:
        """What a scale adds to the running sum; index (B, side*side) to (B, C, h, w)."""
        s = self.sides[scale]
        h = self.embedding(index).transpose(1, 2)
        if scale != len(self.sides) - 1:
            h = h @ resizing((s, s), (self.side, self.side), "bicubic", h).T
        return self.quant_resi.at(scale)(h.unflatten(2, (self.side, self.side)))

    def downsample(self, f: Tensor, scale: int) -> Tensor:
        """Area-average f (B, C, h, w) to the side of ``scale``; (B, side*side, C)."""
        s = self.sides[scale]
        tokens = f.flatten(2).transpose(1, 2)
        return (
            tokens if s == f.shape[-1] else resizing((f.shape[-2], f.shape[-1]), (s, s), "area", f) @ tokens
        )

    def residuals(self, f: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each scale in turn: the indices (B, side*side) chosen for f, and the running sum after it."""
        rest, f_hat = f.detach(), torch.zeros_like(f)
        for scale in range(len(self.sides)):
            index = self.nearest(self.downsample(rest, scale).detach())
            h = self.contribution(index, scale)
            f_hat, rest = f_hat + h, rest - h.detach()
            yield index, f_hat

    def encode(self, f: Tensor) -> list[Tensor]:
        """Indices of every scale: K tensors (B, side*side) int64."""
        return [index for index, _ in self.residuals(f)]

    def accumulate(self, indices: Sequence[Tensor]) -> list[Tensor]:
        """Running sum after every scale, from indices: K tensors (B, C, h, w)."""
        f_hat, out = torch.zeros((), device=indices[0].device), []
        for scale, index in enumerate(indices):
            f_hat = f_hat + self.contribution(index, scale)
            out.append(f_hat)
        return out

    def teacher_input(self, sums: Sequence[Tensor]) -> Tensor:
        """Transformer input of scales 2..K: (B, L - side_1**2, C), from the running sums."""
        return torch.cat(
            [self.downsample(f, i + 1) for i, f in enumerate(sums[: len(self.sides) - 1])], dim=1
        )

    def forward(self, f: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Training pass.

        Returns:
            straight-through sum (B, C, h, w); mean loss (codebook + beta * commitment) over scales; the indices.
        """
        loss, indices = torch.zeros((), device=f.device), []
        for index, f_hat in self.residuals(f):
            indices.append(index)
            loss = loss + self.beta * F.mse_loss(f_hat.detach(), f) + F.mse_loss(f_hat, f.detach())
        return (f_hat - f).detach() + f, loss / len(self.sides), indices
