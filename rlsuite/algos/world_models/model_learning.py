"""How ``algo=world_model`` teaches its model: vision, memory and heads, from pieces of the past; and how well it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Image
from torch import Tensor

from rlsuite.algos.world_models.policy import WorldModelPolicy
from rlsuite.core.errors import Diverged, UserError
from rlsuite.core.interfaces import NO_USE, Use
from rlsuite.worldmodel.reconstructions import draw_reconstructions
from rlsuite.worldmodel.saving import read_model
from rlsuite.worldmodel.sequences import SequenceReplay, Sequences

ERROR_STEPS = (1, 10)
PICTURE_EVERY, STRIP = 10, 8  # updates between pictures of the model; frames in one
ERROR_PIECES = (
    64  # of the newest rollout, on which the model's predictions are compared before it learns from it
)


class ModelLearner(BaseAlgorithm):
    """Mixin before an SB3 algorithm with a ``WorldModelPolicy``; the attributes are the settings of ``WorldModel``."""

    policy: WorldModelPolicy
    replay: SequenceReplay
    train_vision: bool
    train_memory: bool
    warm_up_updates: int
    model_batch: int
    model_length: int
    memory_coef: float
    max_grad_norm: float
    n_steps: int

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say that there is no such file, or one too many."""
        files = {
            name: settings[name]["path"]
            for name in ("vision", "memory")
            if settings.get(name, {}).get("path")
        }
        if len(files) > 1:
            yield "algo.vision and algo.memory: the file of a memory holds its vision too; leave out algo.vision"
        for name, file in files.items():
            try:
                saved = read_model(file)
            except UserError as error:
                yield f"algo.{name}: {error}"
            else:
                if name == "memory" and not saved.memory:
                    yield f"algo.memory={file}: it holds vision alone; give it as algo.vision"

    def _begin_model(self) -> None:
        """Take vision's units from all that was seen, and let the model learn from it at length."""
        past = self.replay.last(len(self.replay), self.device)
        if self.train_vision and not self.policy.pretrained:
            self.policy.model.vision.fit(past.observations.flatten(0, 1))
        self.policy.fitted.fill_(True)
        self._improve_model(self.warm_up_updates)

    def _look_ahead(self) -> None:
        """Log how well the model foresaw this rollout, from which it has not learnt yet."""
        recent = self.replay.last(self.n_steps, self.device)
        length = min(self.policy.model.memory.span + max(ERROR_STEPS), recent.starts.shape[1])
        first = range(0, recent.starts.shape[1] - length + 1, max(1, length // 2))
        pieces = [Sequences(*(part[:, a : a + length] for part in recent)) for a in first]
        batch = Sequences(*(torch.cat(parts)[:ERROR_PIECES] for parts in zip(*pieces, strict=True)))
        for name, value in self.policy.model.errors(batch, ERROR_STEPS).items():
            self.logger.record(f"model/{name}", value)
        if batch.observations.ndim == 5 and self._n_updates % PICTURE_EVERY == 0 and length > STRIP:
            picture = draw_reconstructions(self.policy.model, batch, STRIP)
            self.logger.record("pictures/imagined", Image(picture, "HWC"), exclude="csv")

    def _improve_model(self, updates: int) -> None:
        """Take steps of vision, memory and heads on pieces of the past."""
        model, rows = self.policy.model, list[dict[str, float]]()
        for _ in range(updates if self.train_vision or self.train_memory else 0):
            batch = self.replay.sample(self.model_batch, self.model_length, self.device)
            found, encodings = model.losses(batch)
            memory = found["next"] + found["reward"] + found["goes_on"]
            loss = found["vision"] * self.train_vision + self.memory_coef * memory * self.train_memory
            row = {"train/vision_loss": found["vision"].item(), "train/memory_loss": memory.item()}
            rows.append(
                {
                    **row,
                    **{f"model/{name}_loss": found[name].item() for name in ("next", "reward", "goes_on")},
                    **self._step(loss, ("vision", "memory", "heads")),
                }
            )
            if self.train_vision:
                model.vision.quantizer.update(encodings.detach())
        for name in rows[0] if rows else ():
            self.logger.record(name, float(np.mean([row[name] for row in rows])))
        recent = self.replay.last(self.n_steps, self.device).observations.flatten(0, 1)
        with torch.no_grad():
            self.logger.record(
                "model/perplexity", model.vision.quantizer.usage(model.vision.quantise(recent).indices).item()
            )

    def _step(self, loss: Tensor, parts: tuple[str, ...]) -> dict[str, float]:
        """Take one optimiser step; return the norms of the parts' gradients.

        Raises:
            Diverged: If a gradient is not finite; the parameters are still those before the step.
        """
        optimizer = self.policy.optimizer
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        modules = self.policy.parts()
        norms = {}
        for name in parts:
            found = [p.grad for p in modules[name].parameters() if p.grad is not None]
            norms[f"gradients/{name}"] = float(torch.nn.utils.get_total_norm(found)) if found else 0.0
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        if not torch.isfinite(norm):
            raise Diverged(f"the gradient's norm is {norm.item()} at step {self.num_timesteps}")
        optimizer.step()
        return norms
