"""The three small trainings behind the digits preset, each a loss and a schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.contracts import Diverged
from rlsuite.generators.classifier import DigitClassifier
from rlsuite.generators.digits import Digits, augment
from rlsuite.generators.transformer import VAR
from rlsuite.generators.vqvae import VQVAE


class Stage:
    """One module trained for a number of steps with AdamW, warm-up and a cosine down to a twentieth.

    Args:
        module: what is trained.
        digits: the data; only its training part is used.
        steps: optimiser steps.
        lr: peak learning rate.
        batch_size: images a step.
        weight_decay: on matrices and convolutions only.
        clip: largest norm of the gradient.
    """

    def __init__(
        self,
        module: nn.Module,
        digits: Digits,
        *,
        steps: int,
        lr: float,
        batch_size: int,
        weight_decay: float = 0.05,
        clip: float = 2.0,
        betas: tuple[float, float] = (0.9, 0.95),
        shift: float = 1.0,
    ) -> None:
        self.module, self.digits, self.steps, self.lr = module.train(), digits, steps, lr
        self.batch_size, self.clip, self.shift = batch_size, clip, shift
        matrices = [p for n, p in module.named_parameters() if p.ndim > 1 and self._decays(n)]
        rest = [p for n, p in module.named_parameters() if not (p.ndim > 1 and self._decays(n))]
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, betas=betas)

    @staticmethod
    def _decays(name: str) -> bool:
        return not any(part in name for part in ("embed", "emb.", "pos_", "scale_mul", "ada_gss"))

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augmented training images and their labels, drawn with replacement."""
        index = torch.randint(len(self.digits.train), (self.batch_size,), generator=generator)
        return augment(self.digits.train[index], generator, self.shift), self.digits.train_labels[index]

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Loss of one fresh batch, and what is worth logging."""
        raise NotImplementedError

    def update(self, step: int, generator: torch.Generator) -> dict[str, float]:
        """One optimiser step; the ``step``-th of this stage.

        Raises:
            FloatingPointError: the loss or its gradient is not finite (nothing was changed).
        """
        rate = min(
            (step + 1) / max(0.05 * self.steps, 1), 0.525 + 0.475 * math.cos(math.pi * step / self.steps)
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * rate
        self.optimizer.zero_grad(set_to_none=True)
        loss, metrics = self.loss(generator)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise FloatingPointError(f"loss {loss.item()}, gradient norm {float(norm)} at step {step}")
        self.optimizer.step()
        return {"loss": loss.item(), "grad_norm": float(norm), "lr": self.lr * rate, **metrics}

    def get_state(self) -> dict[str, Any]:
        """Weights and optimiser moments as a tree of tensors."""
        moments = [
            dict(self.optimizer.state.get(p, {})) for g in self.optimizer.param_groups for p in g["params"]
        ]
        return {"module": dict(self.module.state_dict()), "moments": moments}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.module.load_state_dict(state["module"])
        parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.optimizer.state.clear()
        for parameter, moments in zip(parameters, state["moments"], strict=True):
            if moments:
                self.optimizer.state[parameter] = {k: v.clone() for k, v in moments.items()}


class ClassifierStage(Stage):
    """Cross entropy on the training digits; smoothed labels keep the features, which are measured too, from growing."""

    module: DigitClassifier

    def loss(self, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """See :meth:`Stage.loss`."""
        images, labels = self.batch(generator)
        logits = self.module(images)
        return F.cross_entropy(logits, labels, label_smoothing=0.1), {
            "accuracy": float((logits.argmax(1) == labels).float().mean())
        }


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
        self, module: VAR, vae: VQVAE, digits: Digits, scale_power: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(module, digits, **kwargs)
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


class StagedTraining:
    """Several stages, one after the other; one :meth:`update` = one optimiser step.

    Args:
        stages: by name, in order.
        seed: of the data's random numbers.
    """

    def __init__(self, stages: dict[str, Stage], seed: int) -> None:
        self.stages, self.seed, self.step = stages, seed, 0
        self.generator = torch.Generator().manual_seed(seed)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages.values())

    @property
    def stage(self) -> str:
        """Name of the stage that the last step belonged to."""
        step = self.step
        for name, stage in self.stages.items():
            if step <= stage.steps:
                return name
            step -= stage.steps
        return name

    def update(self) -> dict[str, float]:
        """One optimiser step of the stage whose turn it is; metrics are named ``stage/metric``.

        Raises:
            Diverged: the loss or its gradient is not finite.
            StopIteration: all stages are done.
        """
        step = self.step
        for name, stage in self.stages.items():
            if step < stage.steps:
                try:
                    metrics = stage.update(step, self.generator)
                except FloatingPointError as e:
                    raise Diverged(f"{name}: {e}") from e
                self.step += 1
                return {f"{name}/{k}": v for k, v in metrics.items()}
            step -= stage.steps
        raise StopIteration("every stage is done")

    def get_state(self) -> dict[str, Any]:
        """Everything that decides how training goes on."""
        stages = {name: stage.get_state() for name, stage in self.stages.items()}
        return {"step": self.step, "generator": self.generator.get_state(), "stages": stages}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.step = int(state["step"])
        self.generator.set_state(state["generator"])
        for name, stage in self.stages.items():
            stage.set_state(state["stages"][name])


def grid(images: Tensor, columns: int) -> np.ndarray:
    """Tile grey images (N, 1, H, W) in [0, 1] row by row: (rows * H, columns * W) uint8."""
    n, _, h, w = images.shape
    tiles = (
        images[: n - n % columns, 0].reshape(-1, columns, h, w).permute(0, 2, 1, 3).reshape(-1, columns * w)
    )
    return (tiles * 255).round().byte().numpy()
