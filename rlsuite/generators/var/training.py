"""``pretrain model=var``: the digits preset, from nothing to weights and quality numbers, resumable at every step."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Quality
from rlsuite.generators.common.digits import NORM_GROUPS, load_digits
from rlsuite.generators.common.loading import load_strict, read_tensors, save_half
from rlsuite.generators.common.stages import Stage, StagedTraining, StageSettings, tile_images
from rlsuite.generators.scorers.classifier import DigitClassifier
from rlsuite.generators.scorers.classifier_training import ClassifierStage
from rlsuite.generators.scorers.quality import sample_quality, samples
from rlsuite.generators.var.generator import NextScale
from rlsuite.generators.var.presets import load_var_models
from rlsuite.generators.var.stages import TokenizerStage, TransformerStage
from rlsuite.generators.var.transformer import VAR, VARConfig
from rlsuite.generators.var.vqvae import VQVAE, VQVAEConfig

DIGITS_SCALES = (1, 2, 3, 4, 6, 8)


class VARPretraining(StagedTraining):
    """Classifier, tokenizer, transformer, one after the other; one :meth:`update` = one optimiser step.

    Args:
        seed: decides everything random.
        classifier_steps: steps of the classifier.
        tokenizer_steps: steps of the VQ-VAE.
        transformer_steps: steps of the VAR.
        batch_size: images a step, of classifier and transformer.
        tokenizer_batch: images a step of the tokenizer.
        classifier_lr: peak learning rate of the classifier.
        tokenizer_lr: peak learning rate of the tokenizer.
        transformer_lr: peak learning rate of the VAR.
        ch: width of the tokenizer's first level.
        ch_mult: width of its three levels as multiples of ``ch``.
        vocab_size: codes.
        z_channels: channels of a code.
        depth: blocks of the VAR.
        embed_dim: width of the VAR.
        num_heads: attention heads.
        quality_samples: pictures made and evaluated at the end.
        cfg: guidance weight they are made with.

    Raises:
        UserError: widths that do not fit together.
    """

    def __init__(
        self,
        *,
        seed: Annotated[int, Ge(0)] = 0,
        classifier_steps: Annotated[int, Gt(0)] = 1200,
        tokenizer_steps: Annotated[int, Gt(0)] = 600,
        transformer_steps: Annotated[int, Gt(0)] = 700,
        batch_size: Annotated[int, Gt(0)] = 64,
        tokenizer_batch: Annotated[int, Gt(0)] = 32,
        classifier_lr: Annotated[float, Gt(0)] = 2e-3,
        tokenizer_lr: Annotated[float, Gt(0)] = 4e-3,
        transformer_lr: Annotated[float, Gt(0)] = 4e-3,
        ch: Annotated[int, Gt(0)] = 8,
        ch_mult: Sequence[int] = (1, 2, 4),
        vocab_size: Annotated[int, Gt(1)] = 128,
        z_channels: Annotated[int, Gt(0)] = 8,
        depth: Annotated[int, Gt(0)] = 4,
        embed_dim: Annotated[int, Gt(0)] = 64,
        num_heads: Annotated[int, Gt(0)] = 4,
        quality_samples: Annotated[int, Gt(0)] = 2000,
        cfg: Annotated[float, Ge(0)] = 0.35,
    ) -> None:
        self.seed, self.quality_samples, self.cfg = seed, quality_samples, cfg
        self.digits = load_digits()
        if len(ch_mult) != 3 or ch % NORM_GROUPS or embed_dim % num_heads:
            raise UserError(
                f"model.ch_mult needs three levels (32 to 8 pixels), model.ch a multiple of {NORM_GROUPS}, "
                f"model.embed_dim one of num_heads; got {list(ch_mult)}, {ch}, {embed_dim} / {num_heads}"
            )
        self.vae_config = VQVAEConfig(1, ch, tuple(ch_mult), 1, z_channels, NORM_GROUPS)
        self.vae_config = dataclasses.replace(
            self.vae_config, vocab_size=vocab_size, v_patch_nums=DIGITS_SCALES
        )
        self.var_config = VARConfig(10, depth, embed_dim, num_heads, patch_nums=DIGITS_SCALES)
        self._build()
        stages = self._stages(
            {"steps": classifier_steps, "lr": classifier_lr, "batch_size": batch_size, "shift": 2.0},
            {
                "steps": tokenizer_steps,
                "lr": tokenizer_lr,
                "batch_size": tokenizer_batch,
                "weight_decay": 0.0,
            },
            {"steps": transformer_steps, "lr": transformer_lr, "batch_size": batch_size},
        )
        super().__init__(stages, seed)

    def _build(self) -> None:
        """Fresh modules; their random start comes from the seed and leaves the process's stream alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.classifier = DigitClassifier()
            self.vae = VQVAE(self.vae_config)
            self.var = VAR(self.var_config, self.vae_config.vocab_size, self.vae_config.z_channels)

    def _stages(
        self, classifier: StageSettings, tokenizer: StageSettings, transformer: StageSettings
    ) -> dict[str, Stage]:
        return {
            "classifier": ClassifierStage(self.classifier, self.digits, **classifier),
            "tokenizer": TokenizerStage(self.vae, self.digits, **tokenizer),
            "transformer": TransformerStage(self.var, self.vae, self.digits, **transformer),
        }

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Images (H, W) uint8 to look at: held-out digits above their reconstructions, and ten classes of samples."""
        real = self.digits.held_out[:20]
        picture, _, _ = self.vae(real)
        out = {
            "reconstructions": tile_images(torch.cat(((real + 1) / 2, (picture.clamp(-1, 1) + 1) / 2)), 20)
        }
        if self.stage == "transformer":
            images, _ = samples(NextScale(self.vae, self.var), 100, self.seed, self.cfg)
            out["samples"] = tile_images(images, 10)
            self._train_mode()
        return out

    def _train_mode(self) -> None:
        """Undo what making samples did: the stepper freezes the modules it is given."""
        for module in (self.vae, self.var):
            module.train().requires_grad_(True)

    def finish(self, folder: Path) -> Quality:
        """Write weights (16-bit safetensors) and ``config.json``, evaluate what was written, write ``quality.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_half(self.vae, folder / "vae_weights.safetensors")
        save_half(self.var, folder / "weights.safetensors")
        save_half(self.classifier, folder / "classifier.safetensors")
        config = {"vqvae": dataclasses.asdict(self.vae_config), "var": dataclasses.asdict(self.var_config)}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        quality = self._quality(folder)
        (folder / "quality.json").write_text(json.dumps(quality, indent=1) + "\n")
        return quality

    @torch.no_grad()
    def _quality(self, folder: Path) -> Quality:
        generator, classifier = NextScale(*load_var_models(folder)), DigitClassifier()
        load_strict(classifier, read_tensors(folder / "classifier.safetensors"), "classifier")
        d = self.digits
        images, labels = samples(generator, self.quality_samples, self.seed, self.cfg)
        indices = generator.vae.encode(d.held_out)
        again = generator.vae.decode(generator.vae.quantize.accumulate(indices)[-1]).clamp(-1, 1)
        return {
            **sample_quality(images, labels, classifier, d),
            "samples": len(images),
            "seed": self.seed,
            "cfg": self.cfg,
            "classifier_accuracy": float(
                (classifier(d.held_out).argmax(1) == d.held_out_labels).float().mean()
            ),
            "reconstruction_psnr": float(
                -10 * ((again - d.held_out).square().mean((1, 2, 3)) / 4).log10().mean()
            ),
            "codes_used": int(torch.cat(indices, 1).unique().numel()),
        }
