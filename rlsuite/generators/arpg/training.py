"""``pretrain model=arpg``: the ARPG digits preset, from nothing to weights and quality numbers, resumable at every step."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Quality
from rlsuite.core.seeding import derive
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.presets import load_arpg_models
from rlsuite.generators.arpg.schedules import schedule
from rlsuite.generators.arpg.stages import OrderStage, VQStage
from rlsuite.generators.arpg.transformer import ARPG, ARPGConfig
from rlsuite.generators.arpg.vq_tokenizer import VQ, VQConfig
from rlsuite.generators.common.digits import DIGITS_SIDE, NORM_GROUPS, load_digits
from rlsuite.generators.common.loading import save_half
from rlsuite.generators.common.stages import StagedTraining, StageSettings, tile_images
from rlsuite.generators.scorers.classifier import digit_classifier
from rlsuite.generators.scorers.quality import sample_quality


class ARPGPretraining(StagedTraining):
    """Tokenizer, then transformer; one :meth:`update` = one optimiser step. The classifier is that of the VAR preset.

    Args:
        seed: decides everything random.
        tokenizer_steps: steps of the VQ.
        transformer_steps: steps of the ARPG.
        batch_size: images a step of the transformer.
        tokenizer_batch: images a step of the tokenizer.
        tokenizer_lr: peak learning rate of the tokenizer.
        transformer_lr: peak learning rate of the ARPG.
        ch: width of the tokenizer's first level.
        ch_mult: width of its three levels as multiples of ``ch``.
        z_channels: channels between the CNNs and the codes.
        codebook_size: codes.
        codebook_embed_dim: channels of a code.
        dim: width of the ARPG.
        n_layer: its blocks, half of them in each pass.
        n_head: attention heads.
        quality_samples: pictures made and evaluated at the end.
        quality_steps: steps of the cosine schedule they are decoded in.
        augmentation: how much the transformer's images are shifted and turned; 1: as much as the tokenizer's.
        cfg: guidance weight they are made with.

    Raises:
        UserError: widths that do not fit together.
    """

    def __init__(
        self,
        *,
        seed: Annotated[int, Ge(0)] = 0,
        tokenizer_steps: Annotated[int, Gt(0)] = 250,
        transformer_steps: Annotated[int, Gt(0)] = 6000,
        batch_size: Annotated[int, Gt(0)] = 32,
        tokenizer_batch: Annotated[int, Gt(0)] = 32,
        tokenizer_lr: Annotated[float, Gt(0)] = 4e-3,
        transformer_lr: Annotated[float, Gt(0)] = 4e-3,
        ch: Annotated[int, Gt(0)] = 8,
        ch_mult: Sequence[int] = (1, 2, 4),
        z_channels: Annotated[int, Gt(0)] = 16,
        codebook_size: Annotated[int, Gt(1)] = 8,
        codebook_embed_dim: Annotated[int, Gt(0)] = 8,
        dim: Annotated[int, Gt(0)] = 96,
        n_layer: Annotated[int, Gt(0)] = 6,
        n_head: Annotated[int, Gt(0)] = 3,
        quality_samples: Annotated[int, Gt(0)] = 2000,
        quality_steps: Annotated[int, Gt(0)] = 16,
        augmentation: Annotated[float, Ge(0)] = 0.15,
        cfg: Annotated[float, Ge(0)] = 2.5,
    ) -> None:
        self.quality_samples, self.quality_steps, self.cfg = quality_samples, quality_steps, cfg
        self.digits = load_digits()
        if len(ch_mult) != 3 or ch % NORM_GROUPS:
            raise UserError(
                f"model.ch_mult needs three levels (32 to 8 pixels), model.ch a multiple of {NORM_GROUPS}; "
                f"got {list(ch_mult)} and {ch}"
            )
        # no attention: a code that tells of its own place alone is easier to predict
        vq = VQConfig(1, ch, tuple(ch_mult), 1, z_channels, NORM_GROUPS, False, False)
        self.vq_config = dataclasses.replace(
            vq, codebook_size=codebook_size, codebook_embed_dim=codebook_embed_dim
        )
        tokens = (DIGITS_SIDE // 2 ** (len(ch_mult) - 1)) ** 2
        try:
            self.config = ARPGConfig(
                codebook_size, 10, dim, n_layer, n_head, tokens, 32, initializer_range=dim**-0.5
            )
        except ValueError as e:
            raise UserError(f"model: {e}") from e
        with torch.random.fork_rng(devices=[]):  # the random start leaves the process's stream alone
            torch.manual_seed(seed)
            self.vq, self.arpg = VQ(self.vq_config), ARPG(self.config)
        tokenizer: StageSettings = {
            "steps": tokenizer_steps,
            "lr": tokenizer_lr,
            "batch_size": tokenizer_batch,
            "weight_decay": 0.0,
        }
        transformer: StageSettings = {
            "steps": transformer_steps,
            "lr": transformer_lr,
            "batch_size": batch_size,
            "shift": augmentation,
        }
        stages = {
            "tokenizer": VQStage(self.vq, self.digits, **tokenizer),
            "transformer": OrderStage(self.arpg, self.vq, self.digits, **transformer),
        }
        super().__init__(stages, seed)

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Images (H, W) uint8 to look at: held-out digits above their reconstructions, and ten classes of samples."""
        real = self.digits.held_out[:20]
        picture, _, _ = self.vq(real)
        out = {
            "reconstructions": tile_images(torch.cat(((real + 1) / 2, (picture.clamp(-1, 1) + 1) / 2)), 20)
        }
        if self.stage == "transformer":
            out["samples"] = tile_images(self._samples(RandomOrder(self.vq, self.arpg), 100)[0], 10)
            for module in (self.vq, self.arpg):  # the stepper freezes the modules it is given
                module.train().requires_grad_(True)
        return out

    def _samples(self, generator: RandomOrder, n: int, batch: int = 100) -> tuple[Tensor, Tensor]:
        """Samples with uniform labels: images (n, C, H, W) in [0, 1], labels (n,)."""
        labels, parts = torch.arange(n) % generator.num_classes, []
        counts = schedule("cosine", generator.positions, min(self.quality_steps, generator.positions))
        for start in range(0, n, batch):
            part = labels[start : start + batch]
            seeds = [derive(self.seed, "samples") + start + i for i in range(len(part))]
            parts.append(generator.decode(generator.generate(part, seeds, self.cfg, counts)))
        return torch.cat(parts), labels

    def finish(self, folder: Path) -> Quality:
        """Write weights (16-bit safetensors) and ``config.json``, evaluate what was written, write ``quality.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_half(self.vq, folder / "vq_weights.safetensors")
        save_half(self.arpg, folder / "weights.safetensors")
        config = {"vq": dataclasses.asdict(self.vq_config), "arpg": dataclasses.asdict(self.config)}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        quality = self._quality(folder)
        (folder / "quality.json").write_text(json.dumps(quality, indent=1) + "\n")
        return quality

    @torch.no_grad()
    def _quality(self, folder: Path) -> Quality:
        generator, classifier, d = RandomOrder(*load_arpg_models(folder)), digit_classifier(), self.digits
        images, labels = self._samples(generator, self.quality_samples)
        indices = generator.vq.encode(d.held_out)
        again = generator.decode(indices) * 2 - 1
        error = (again - d.held_out).square().mean((1, 2, 3)) / 4
        return {
            **sample_quality(images, labels, classifier, d),
            "samples": len(images),
            "seed": self.seed,
            "cfg": self.cfg,
            "steps": self.quality_steps,
            "classifier_accuracy": float(
                (classifier(d.held_out).argmax(1) == d.held_out_labels).float().mean()
            ),
            "reconstruction_psnr": float(-10 * error.log10().mean()),
            "codes_used": int(indices.unique().numel()),
        }
