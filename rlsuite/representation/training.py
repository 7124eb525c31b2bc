"""``pretrain model=sprites_encoder``: an encoder that predicts rewards or redraws pictures, from endless sequences of sprites."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F

from rlsuite.core.errors import Diverged, UserError
from rlsuite.core.interfaces import ModelPretraining, Quality, Tree
from rlsuite.core.io import write_json
from rlsuite.core.seeding import derive
from rlsuite.representation.encoder import Border, Decoder, Encoder, EncoderConfig
from rlsuite.representation.loading import save_encoder
from rlsuite.representation.predictor import RewardPredictor
from rlsuite.representation.trajectories import SpriteSequences, trajectories

WARM_UP = 300  # updates in which the learning rate grows
LAST_RATE = 0.02  # of the learning rate, at a stage's end
Objective = Literal["reward", "image"]
RewardName = Literal["agent_x", "agent_y", "target_x", "target_y", "horizontal", "vertical", "follow"]


class SpritesPretraining(ModelPretraining):
    """Encoder, reward predictor and decoder; one :meth:`update` = one optimiser step on fresh sequences.

    With ``objective=reward`` the encoder is trained by the predictor's error, and the optional decoder learns from detached
    features: it only shows what they encode. With ``objective=image`` the encoder is trained by the reconstruction error,
    and the predictor on detached features shows how well they predict rewards.

    Args:
        seed: decides everything random.
        objective: what the encoder is trained by.
        rewards: names of the rewards to predict, one head each.
        updates: optimiser steps of each stage of the curriculum.
        distractors: most distractors of each stage; a sequence has 0 up to so many, equally often.
        batch_size: sequences an update.
        frames: pictures the predictor sees.
        horizon: steps it predicts.
        learning_rate: at each stage's start; a cosine takes it to a fiftieth.
        decoder: train the detached decoder beside ``objective=reward``.
        channels: of the encoder's first convolution.
        features_dim: features of a picture.
        slope: of the leaky rectifiers below zero.
        border: how convolutions may know where they are (see ``encoder.Border``).
        quality_sequences: held-out sequences to evaluate on at the end, for each number of distractors.
    """

    def __init__(
        self,
        *,
        seed: Annotated[int, Ge(0)] = 0,
        objective: Objective = "reward",
        rewards: Sequence[RewardName] = ("agent_x", "agent_y", "target_x", "target_y"),
        updates: Sequence[Annotated[int, Gt(0)]] = (6000, 6000),
        distractors: Sequence[Annotated[int, Ge(0), Le(2)]] = (0, 2),
        batch_size: Annotated[int, Gt(0)] = 64,
        frames: Annotated[int, Gt(0)] = 3,
        horizon: Annotated[int, Gt(0)] = 10,
        learning_rate: Annotated[float, Gt(0)] = 3e-3,
        decoder: bool = False,
        channels: Annotated[int, Gt(0)] = 4,
        features_dim: Annotated[int, Gt(0)] = 64,
        slope: Annotated[float, Ge(0)] = 0.1,
        border: Border = "zeros",
        quality_sequences: Annotated[int, Gt(0)] = 2000,
    ) -> None:
        if len(updates) != len(distractors) or not updates or not rewards:
            raise UserError(
                f"model.updates={list(updates)} and model.distractors={list(distractors)} need an entry for each stage, "
                f"and model.rewards={list(rewards)} at least one name"
            )
        self.seed, self.objective, self.rewards, self.step = seed, objective, tuple(rewards), 0
        self.updates, self.distractors, self.batch_size = tuple(updates), tuple(distractors), batch_size
        self.frames, self.horizon, self.learning_rate = frames, horizon, learning_rate
        self.quality_sequences = quality_sequences
        self.rng = np.random.default_rng(seed)
        self.cpu_s = 0.0  # spent on updates
        self.stages: list[Quality] = []  # the errors at each stage's end
        with torch.random.fork_rng(devices=[]):  # the random start comes from the seed alone
            torch.manual_seed(seed)
            self.encoder = Encoder(EncoderConfig(channels, features_dim, slope, border))
            self.predictor = RewardPredictor(len(rewards), features_dim, frames, slope=slope)
            self.decoder = Decoder(features_dim, channels, slope) if decoder or objective == "image" else None
        parts = [part for part in (self.encoder, self.predictor, self.decoder) if part is not None]
        self.modules = nn.ModuleList(parts)
        self.optimizer = torch.optim.Adam(self.modules.parameters(), lr=learning_rate, fused=True)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(self.updates)

    def stage(self) -> tuple[int, float]:
        """Return the most distractors now, and the share of the stage that is over."""
        step = self.step
        for updates, most in zip(self.updates, self.distractors, strict=True):
            if step < updates:
                return most, step / updates
            step -= updates
        raise StopIteration("every stage is done")

    def update(self) -> dict[str, float]:
        """Take one optimiser step.

        Raises:
            Diverged: the loss or its gradient is not finite.
            StopIteration: all stages are done.
        """
        started = time.process_time()
        most, over = self.stage()
        rate = self.learning_rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * over)))
        rate *= min(1, (self.step + 1) / WARM_UP)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        counts = self.rng.integers(most + 1, size=self.batch_size)
        batch = trajectories(self.rng, counts, self.frames, self.horizon, self.rewards)
        losses = self.losses(batch)
        sum(losses.values(), torch.zeros(())).backward()
        norm = nn.utils.clip_grad_norm_(self.modules.parameters(), 10.0)
        if not torch.isfinite(norm):
            raise Diverged(f"gradient norm {float(norm)} at update {self.step}")
        self.optimizer.step()
        self.step += 1
        self.cpu_s += time.process_time() - started
        if self.step in np.cumsum(self.updates):
            self.stages.append({"cpu_s": round(self.cpu_s, 1), **self.quality()})
        shown = {name: loss.item() for name, loss in losses.items()}
        return {**shown, "grad_norm": float(norm), "learning_rate": rate, "distractors": float(most)}

    def losses(self, batch: SpriteSequences) -> dict[str, Tensor]:
        """Return the predictor's mean squared error and the decoder's cross entropy; one of them is detached."""
        pictures = as_input(batch.pictures)
        features = self.encoder(pictures.flatten(0, 1)[:, None])
        reward_sees, image_sees = features, features.detach()
        if self.objective == "image":
            reward_sees, image_sees = image_sees, reward_sees
        per_frame = reward_sees.unflatten(0, (-1, self.frames))
        predicted = self.predictor(per_frame, batch.rewards.shape[1])
        found = {"reward": F.mse_loss(predicted, self.predictor.targets(torch.from_numpy(batch.rewards)))}
        if self.decoder is not None:
            drawn = self.decoder(
                image_sees.unflatten(0, (-1, self.frames))[:, -1]
            )  # one frame of each: drawing costs most
            found["image"] = F.binary_cross_entropy_with_logits(drawn[:, 0], pictures[:, -1])
        return found

    def get_state(self) -> Tree:
        """Return everything that the rest of the training depends on."""
        moments = [dict(self.optimizer.state.get(p, {})) for p in self.modules.parameters()]
        return {
            "step": self.step,
            "rng": self.rng.bit_generator.state,
            "modules": dict(self.modules.state_dict()),
            "moments": moments,
            "cpu_s": self.cpu_s,
            "stages": self.stages,
        }

    def set_state(self, state: Tree) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.step, self.rng.bit_generator.state = int(state["step"]), state["rng"]
        self.cpu_s, self.stages = float(state["cpu_s"]), list(state["stages"])
        self.modules.load_state_dict(state["modules"])
        self.optimizer.state.clear()
        for parameter, moments in zip(self.modules.parameters(), state["moments"], strict=True):
            if moments:
                self.optimizer.state[parameter] = {name: value.clone() for name, value in moments.items()}

    def held_out(self, distractors: int, sequences: int) -> SpriteSequences:
        """Return sequences never trained on, the same for every call."""
        rng = np.random.default_rng(derive(self.seed, "held-out sequences"))
        counts = np.full(sequences, distractors)
        return trajectories(rng, counts, self.frames, self.horizon, self.rewards)

    @torch.no_grad()
    def errors(self, distractors: int) -> dict[str, float]:
        """Return the mean squared error of each reward, in the rewards' own units, on held-out sequences."""
        batch = self.held_out(distractors, self.quality_sequences)
        features = self.encoder(as_input(batch.pictures).flatten(0, 1)[:, None])
        predicted = self.predictor(features.unflatten(0, (-1, self.frames)), self.horizon)
        wrong = predicted - self.predictor.targets(torch.from_numpy(batch.rewards))
        means = (wrong / self.predictor.SCALE).square().mean(dim=(0, 1))
        return dict(zip(self.rewards, means.tolist(), strict=True))

    def quality(self) -> dict[str, dict[str, float]]:
        """Return the errors at 0, 1 and 2 distractors."""
        return {f"mse_{count}": self.errors(count) for count in range(3)}

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Return held-out frames above their reconstructions, (128, 640) uint8; nothing without a decoder."""
        if self.decoder is None:
            return {}
        frames = self.held_out(max(self.distractors), 10).pictures[:, 0]
        drawn = torch.sigmoid(self.decoder(self.encoder(as_input(frames)[:, None])))[:, 0]
        rows = np.stack([frames, (drawn * 255).round().byte().numpy()])
        return {"decodings": rows.transpose(0, 2, 1, 3).reshape(2 * 64, -1)}

    def finish(self, folder: Path) -> Quality:
        """Write ``encoder.safetensors`` and ``quality.json``: the errors at 0, 1 and 2 distractors, also after each stage."""
        save_encoder(self.encoder, folder / "encoder.safetensors")
        quality = {**self.quality(), "stages": self.stages}
        write_json(folder / "quality.json", quality)
        return quality


def as_input(pictures: np.ndarray) -> Tensor:
    """Scale pictures (...) uint8 to [0, 1], the one range that encoders see, here and in the env."""
    return torch.from_numpy(pictures).float().div_(255)
