"""The two small trainings behind the ARPG digits preset: its tokenizer and its transformer."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.core.interfaces import Tree
from rlsuite.generators.arpg.transformer import ARPG
from rlsuite.generators.arpg.vq_tokenizer import VQ
from rlsuite.generators.common.digits import Digits
from rlsuite.generators.common.stages import Stage, StageSettings


class VQStage(Stage):
    """Reconstruction plus the quantiser's loss; codes nobody uses are moved to where features are."""

    module: VQ
    every = 20

    def __init__(self, module: VQ, digits: Digits, **settings: Unpack[StageSettings]) -> None:
        super().__init__(module, digits, **settings)
        self.usage = torch.zeros(
            module.config.codebook_size
        )  # tokens of each code in a batch, a running mean

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, _ = self.batch(generator)
        picture, quantiser_loss, indices = self.module(images)
        error = F.mse_loss(picture, images)
        self.usage.lerp_(torch.bincount(indices.flatten(), minlength=len(self.usage)).float(), 0.05)
        metrics = {"psnr": float(-10 * (error.detach() / 4).log10()), "quantiser_loss": quantiser_loss.item()}
        return error + quantiser_loss, metrics

    def update(self, step: int, generator: torch.Generator) -> dict[str, float]:
        """See :meth:`Stage.update`; now and then the idle codes are moved."""
        metrics = super().update(step, generator)
        if step % self.every == 0 and step < 0.7 * self.steps:
            metrics["restarted"] = float(self._restart(generator))
        return metrics

    @torch.no_grad()
    def _restart(self, generator: torch.Generator) -> int:
        """Replace codes that are hardly used by the features of fresh images that lie farthest from every code.

        Features drawn at random would split what is frequent, such as the background, into many codes, and nobody could tell
        which of them comes next.
        """
        quantize = self.module.quantize
        dead = (self.usage < 0.5).nonzero()[:, 0]
        features = self.module.features(self.batch(generator)[0]).permute(0, 2, 3, 1).flatten(0, 2)
        z = quantize.normed(features)
        error = (z - quantize.lookup(quantize.nearest(features))).square().sum(1)
        quantize.embedding.weight[dead] = z[error.topk(len(dead)).indices]
        self.usage[dead] = 1.0
        return len(dead)

    def get_state(self) -> Tree:
        """See :meth:`Stage.get_state`."""
        return {**super().get_state(), "usage": self.usage.clone()}

    def set_state(self, state: Tree) -> None:
        """See :meth:`Stage.set_state`."""
        super().set_state(state)
        self.usage = state["usage"].clone()


class OrderStage(Stage):
    """Cross entropy of every token given those before it in a random order, labels dropped now and then for guidance.

    The j-th token of an order weighs ``j ** -order_power``: what a digit is gets decided while few of its tokens are known.
    """

    module: ARPG

    def __init__(
        self,
        module: ARPG,
        vq: VQ,
        digits: Digits,
        order_power: float = 0.5,
        **settings: Unpack[StageSettings],
    ) -> None:
        super().__init__(module, digits, **settings)
        self.vq = vq
        weight = torch.arange(1, module.config.block_size + 1) ** -order_power
        self.weight = weight / weight.mean()

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, labels = self.batch(generator)
        with torch.no_grad():
            tokens = self.vq.encode(images)
        orders = torch.rand(tokens.shape, generator=generator).argsort(1)
        logits = self.module(tokens, self.module.drop_labels(labels, generator), orders)
        target = tokens.gather(1, orders)
        accuracy = (logits.detach().argmax(-1) == target).float().mean()
        error = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
        return (error * self.weight).mean(), {
            "cross_entropy": error.mean().item(),
            "accuracy": accuracy.item(),
        }
