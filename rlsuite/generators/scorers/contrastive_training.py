"""``pretrain model=contrastive``: the scorer of images and classes, trained on digits and on digits gone wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from rlsuite.core.interfaces import Quality
from rlsuite.generators.common.digits import DIGITS_SIDE, Digits, load_digits
from rlsuite.generators.common.loading import load_strict, read_tensors, save_half
from rlsuite.generators.common.stages import Stage, StagedTraining, tile_images
from rlsuite.generators.scorers.contrastive import Contrastive

PATCH = 4  # pixels a side of what a token paints


def broken(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return digits gone wrong as generators make them: some patches come from other digits, from noise, or are empty.

    Args:
        images: (B, 1, 32, 32) in [-1, 1].
        generator: where the random numbers come from; a fifth to a half of each image's 64 patches changes.
    """
    n, tokens = len(images), DIGITS_SIDE // PATCH
    others = images[torch.randperm(n, generator=generator)].roll(
        int(torch.randint(1, DIGITS_SIDE, (), generator=generator)), dims=2
    )
    others = torch.cat(
        (
            others[: n // 3],
            torch.rand(images[n // 3 : n // 2].shape, generator=generator) * 2 - 1,
            torch.full_like(images[n // 2 : 2 * n // 3], -1.0),
            images.flip(0)[2 * n // 3 :],
        )
    )
    share = 0.2 + 0.3 * torch.rand(n, 1, 1, 1, generator=generator)
    swapped = torch.rand(n, 1, tokens, tokens, generator=generator) < share
    return torch.where(F.interpolate(swapped.float(), scale_factor=PATCH) > 0.5, others, images)


class ContrastiveStage(Stage):
    """Each image picks its class, and each class its images from among all others and the broken ones."""

    module: Contrastive

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, labels = self.batch(generator)
        logits = self.module(torch.cat((images, broken(images, generator))))
        picks_class = F.cross_entropy(logits[: len(images)], labels)
        share = F.log_softmax(logits, dim=0)[: len(images)].gather(
            1, labels[:, None]
        )  # of each class over all images
        accuracy = (logits[: len(images)].argmax(1) == labels).float().mean()
        chance = torch.log(
            torch.bincount(labels, minlength=10)[labels].float()
        )  # the images of a class share its mass
        return picks_class - (share[:, 0] + chance).mean(), {"accuracy": float(accuracy)}


class ContrastivePretraining(StagedTraining):
    """One stage; one :meth:`update` = one optimiser step.

    Args:
        seed: decides everything random.
        steps: optimiser steps.
        batch_size: images a step; as many broken ones beside them.
        lr: peak learning rate.
    """

    def __init__(
        self,
        *,
        seed: Annotated[int, Ge(0)] = 0,
        steps: Annotated[int, Gt(0)] = 1500,
        batch_size: Annotated[int, Gt(1)] = 64,
        lr: Annotated[float, Gt(0)] = 2e-3,
    ) -> None:
        self.digits: Digits = load_digits()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = Contrastive()
        stage = ContrastiveStage(
            self.model, self.digits, steps=steps, lr=lr, batch_size=batch_size, shift=1.5
        )
        super().__init__({"contrastive": stage}, seed)

    def pictures(self) -> dict[str, np.ndarray]:
        """Digits above the same digits broken, (H, W) uint8."""
        real = self.digits.held_out[:20]
        pair = torch.cat((real, broken(real, torch.Generator().manual_seed(0))))
        return {"broken": tile_images((pair + 1) / 2, 20)}

    @torch.no_grad()
    def finish(self, folder: Path) -> Quality:
        """Write the weights (16-bit safetensors), evaluate what was written, write ``quality.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_half(self.model, folder / "weights.safetensors")
        trained, d = Contrastive().eval(), self.digits
        load_strict(trained, read_tensors(folder / "weights.safetensors"), "weights")
        real = trained.similarities(d.held_out)
        wrong = trained.similarities(broken(d.held_out, torch.Generator().manual_seed(1)))
        own = d.held_out_labels[:, None]
        scores, other = real.gather(1, own)[:, 0], real.scatter(1, own, -1).amax(1)
        quality = {
            "accuracy": float((real.argmax(1) == d.held_out_labels).float().mean()),
            "score_real": float(scores.mean()),
            "score_real_5_percent": float(scores.quantile(0.05)),
            "score_nearest_other_class": float(other.mean()),
            "score_broken": float(wrong.gather(1, own).mean()),
            "broken_below_real": float((wrong.gather(1, own)[:, 0] < scores).float().mean()),
        }
        (folder / "quality.json").write_text(json.dumps(quality, indent=1) + "\n")
        return quality
