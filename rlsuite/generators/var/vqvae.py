"""The image tokenizer of VAR: CNN encoder, multi-scale residual quantiser, CNN decoder."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from rlsuite.generators.common.cnn import CNNConfig, CNNDecoder, CNNEncoder
from rlsuite.generators.var.quantizer import MultiScaleQuantizer


@dataclass(frozen=True)
class VQVAEConfig(CNNConfig):
    """Everything that decides the tokenizer's arithmetic; the defaults are the released model's.

    Attributes:
        vocab_size: number of codes.
        v_patch_nums: side of each scale, the last one being the side of the latent.
        beta: weight of the commitment loss.
        using_znorm: nearest code by cosine.
        quant_conv_ks: kernel of the convs around the quantiser.
        quant_resi: share of the conv in phi.
        share_quant_resi: number of phi convs (1 = shared by all, 0 = one a scale).
    """

    vocab_size: int = 4096
    v_patch_nums: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16)
    beta: float = 0.25
    using_znorm: bool = False
    quant_conv_ks: int = 3
    quant_resi: float = 0.5
    share_quant_resi: int = 4

    @property
    def image_side(self) -> int:
        """Side of an image in pixels."""
        return self.v_patch_nums[-1] * 2 ** (len(self.ch_mult) - 1)


class VQVAE(nn.Module):
    """Image in [-1, 1] <-> indices of every scale.

    State-dict names are upstream's: ``encoder``, ``quant_conv``, ``quantize``, ``post_quant_conv``, ``decoder``.
    """

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        c, pad = config, config.quant_conv_ks // 2
        self.config = config
        self.encoder, self.decoder = CNNEncoder(c), CNNDecoder(c)
        self.quantize = MultiScaleQuantizer(
            c.vocab_size,
            c.z_channels,
            c.v_patch_nums,
            c.beta,
            c.using_znorm,
            c.quant_resi,
            c.share_quant_resi,
        )
        self.quant_conv = nn.Conv2d(c.z_channels, c.z_channels, c.quant_conv_ks, padding=pad)
        self.post_quant_conv = nn.Conv2d(c.z_channels, c.z_channels, c.quant_conv_ks, padding=pad)

    def features(self, images: Tensor) -> Tensor:
        """What is quantised: (B, in_channels, H, W) to (B, z_channels, h, w)."""
        return self.quant_conv(self.encoder(images))

    def encode(self, images: Tensor) -> list[Tensor]:
        """Indices of every scale, K tensors (B, side*side), of images in [-1, 1]."""
        return self.quantize.encode(self.features(images))

    def decode(self, f_hat: Tensor) -> Tensor:
        """Unclamped image of a running sum at full latent size."""
        return self.decoder(self.post_quant_conv(f_hat))

    def to_image(self, f_hat: Tensor) -> Tensor:
        """Image in [0, 1] of a running sum; clamped as upstream does."""
        return (self.decode(f_hat).clamp(-1, 1) + 1) * 0.5

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Training pass: unclamped reconstruction, quantiser loss, indices of every scale."""
        f_hat, loss, indices = self.quantize(self.features(images))
        return self.decode(f_hat), loss, indices
