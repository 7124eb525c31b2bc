"""The three small trainings behind the digits preset, each a loss and a schedule."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.common.digits import Digits
from rlsuite.generators.common.stages import Stage, StageSettings
from rlsuite.generators.var.transformer import VAR
from rlsuite.generators.var.vqvae import VQVAE


class TokenizerStage(Stage):
    """Reconstruction plus the quantiser's loss; codes nobody uses are moved to where residuals are."""

    module: VQVAE
    every = 20

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, _ = self.batch(generator)
        picture, quantiser_loss, indices = self.module(images)
        error = F.mse_loss(picture, images)
        self._count(indices)
        metrics = {"psnr": float(-10 * (error.detach() / 4).log10()), "quantiser_loss": quantiser_loss.item()}
        return error + quantiser_loss, metrics

    @torch.no_grad()
    def _count(self, indices: list[Tensor]) -> None:
        usage = self.module.quantize.ema_vocab_hit_SV
        for scale, index in enumerate(indices):
            usage[scale].lerp_(torch.bincount(index.flatten(), minlength=usage.shape[1]).float(), 0.05)

    def update(self, step: int, generator: torch.Generator) -> dict[str, float]:
        """See :meth:`Stage.update`; now and then the idle codes are moved."""
        metrics = super().update(step, generator)
        if step % self.every == 0 and step < 0.7 * self.steps:
            metrics["restarted"] = float(self._restart(generator))
        return metrics

    @torch.no_grad()
    def _restart(self, generator: torch.Generator) -> int:
        """Replace codes used less than once in two batches by residuals of fresh images."""
        quantize = self.module.quantize
        dead = (quantize.ema_vocab_hit_SV.sum(0) < 0.5).nonzero()[:, 0]
        features = self.module.features(self.batch(generator)[0])
        rest, pool = features, []
        for scale, (_, f_hat) in enumerate(quantize.residuals(features)):
            pool.append(quantize.downsample(rest, scale).flatten(0, 1))
            rest = features - f_hat
        candidates = torch.cat(pool)
        chosen = torch.randint(len(candidates), (len(dead),), generator=generator)
        quantize.embedding.weight[dead] = candidates[chosen]
        quantize.ema_vocab_hit_SV[:, dead] = 1.0
        return len(dead)


class TransformerStage(Stage):
    """Cross entropy of every token given the scales before it, labels dropped now and then for guidance.

    Each token weighs ``side ** -scale_power`` of its scale: what a digit is, and its stroke, are decided at the
    coarse scales, which have few tokens.
    """

    module: VAR

    def __init__(
        self,
        module: VAR,
        vae: VQVAE,
        digits: Digits,
        scale_power: float = 0.5,
        **settings: Unpack[StageSettings],
    ) -> None:
        super().__init__(module, digits, **settings)
        self.vae = vae
        sides = torch.cat([torch.full((p * p,), float(p)) for p in module.config.patch_nums])
        self.weight = sides**-scale_power / (sides**-scale_power).mean()

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, labels = self.batch(generator)
        with torch.no_grad():
            pairs = list(self.vae.quantize.residuals(self.vae.features(images)))
            features = self.vae.quantize.teacher_input([f_hat for _, f_hat in pairs])
        target = torch.cat([index for index, _ in pairs], 1)
        logits = self.module(self.module.drop_labels(labels, generator), features, generator)
        error = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
        accuracy = (logits.detach().argmax(-1) == target).float().mean()
        return (error * self.weight).mean(), {
            "cross_entropy": error.mean().item(),
            "accuracy": accuracy.item(),
        }
