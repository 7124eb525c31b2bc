"""Training of a generator in stages: one loss and one schedule each, resumable at every step."""

from __future__ import annotations

import math
from typing import Required, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from rlsuite.core.errors import Diverged
from rlsuite.core.interfaces import ModelPretraining, Tree
from rlsuite.generators.common.digits import Digits, augment


class StageSettings(TypedDict, total=False):
    """The settings of a :class:`Stage`."""

    steps: Required[int]
    lr: Required[float]
    batch_size: Required[int]
    weight_decay: float
    clip: float
    betas: tuple[float, float]
    shift: float


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
        """Return the loss of one new batch, and metrics to log."""
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

    def get_state(self) -> Tree:
        """Weights and optimiser moments as a tree of tensors."""
        moments = [
            dict(self.optimizer.state.get(p, {})) for g in self.optimizer.param_groups for p in g["params"]
        ]
        return {"module": dict(self.module.state_dict()), "moments": moments}

    def set_state(self, state: Tree) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.module.load_state_dict(state["module"])
        parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
        self.optimizer.state.clear()
        for parameter, moments in zip(parameters, state["moments"], strict=True):
            if moments:
                self.optimizer.state[parameter] = {k: v.clone() for k, v in moments.items()}


class StagedTraining(ModelPretraining):
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
        """Take one optimiser step of the current stage; metrics are named ``stage/metric``.

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

    def get_state(self) -> Tree:
        """Return everything that the rest of the training depends on."""
        stages = {name: stage.get_state() for name, stage in self.stages.items()}
        return {"step": self.step, "generator": self.generator.get_state(), "stages": stages}

    def set_state(self, state: Tree) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.step = int(state["step"])
        self.generator.set_state(state["generator"])
        for name, stage in self.stages.items():
            stage.set_state(state["stages"][name])


def tile_images(images: Tensor, columns: int) -> np.ndarray:
    """Tile grey images (N, 1, H, W) in [0, 1] row by row: (rows * H, columns * W) uint8."""
    n, _, h, w = images.shape
    tiles = (
        images[: n - n % columns, 0].reshape(-1, columns, h, w).permute(0, 2, 1, 3).reshape(-1, columns * w)
    )
    return (tiles * 255).round().byte().numpy()
