"""``pretrain model=vision|memory env=...``: a world model from random play, before any policy learns on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from gymnasium import spaces
from torch import nn

from rlsuite.core.errors import Diverged
from rlsuite.core.interfaces import ModelPretraining, Quality, Task, Tree
from rlsuite.core.io import write_json
from rlsuite.worldmodel.imagined import action_vectors
from rlsuite.worldmodel.memory import Memory, MemorySizes
from rlsuite.worldmodel.model import LatentModel
from rlsuite.worldmodel.quantizer import Quantizer
from rlsuite.worldmodel.saving import load_into, read_model, save_model
from rlsuite.worldmodel.sequences import SequenceReplay
from rlsuite.worldmodel.vision import Pool, VisionSizes, make_vision

KEEP = 0.8  # of the action before, in continuous play: jumping about shows no speed and no curve
HELD_OUT_SHARE = 0.1  # share of the steps that is for evaluation only, the last ones


class WorldModelPretraining(ModelPretraining):
    """Learns from random play, which depends on the seed alone; one :meth:`update` = one optimiser step on pieces of it.

    ``part=vision`` trains the codes and the reconstruction; ``part=memory`` trains memory and heads on a frozen vision.

    Args:
        task: what is played, at level 0.
        seed: decides everything random.
        part: what is trained.
        vision: file of ``part=vision``, for ``part=memory``; its settings win over those here.
        updates: optimiser steps.
        steps: random steps, of all envs together.
        n_envs: envs.
        batch_size: pieces in an update.
        length: steps of a piece.
        learning_rate: of Adam.
        quantizer: see ``algo=world_model``, as the settings below.
        groups: codes of a vector observation.
        codes: in a book.
        code_dim: numbers of a code.
        vision_hidden: width of vision's layers.
        vision_pool: what is kept of a picture.
        memory_width: numbers of h.
        memory_layers: of the transformer.
        memory_heads: of its attention.
        memory_window: tokens each layer reaches back.
    """

    def __init__(
        self,
        *,
        task: Task,
        seed: Annotated[int, Ge(0)] = 0,
        part: Literal["vision", "memory"] = "vision",
        vision: str | None = None,
        updates: Annotated[int, Gt(0)] = 2000,
        steps: Annotated[int, Gt(0)] = 10_000,
        n_envs: Annotated[int, Gt(0)] = 8,
        batch_size: Annotated[int, Gt(0)] = 16,
        length: Annotated[int, Gt(1)] = 32,
        learning_rate: Annotated[float, Gt(0)] = 1e-3,
        quantizer: Quantizer = "vq",
        groups: Annotated[int, Gt(0)] = 8,
        codes: Annotated[int, Gt(1)] = 32,
        code_dim: Annotated[int, Gt(0)] = 4,
        vision_hidden: Annotated[int, Gt(0)] = 64,
        vision_pool: Pool = "grid",
        memory_width: Annotated[int, Gt(0)] = 64,
        memory_layers: Annotated[int, Ge(0)] = 2,
        memory_heads: Annotated[int, Gt(0)] = 4,
        memory_window: Annotated[int, Gt(0)] = 16,
    ) -> None:
        self.part, self.updates, self.step = part, updates, 0
        self.batch_size, self.length = batch_size, length
        saved = read_model(vision) if vision else None
        self.vision_settings: VisionSizes = (
            saved.vision
            if saved
            else {
                "kind": quantizer,
                "groups": groups,
                "codes": codes,
                "dim": code_dim,
                "hidden": vision_hidden,
                "pool": vision_pool,
            }
        )
        self.memory_settings: MemorySizes = {
            "width": memory_width,
            "layers": memory_layers,
            "heads": memory_heads,
            "window": memory_window,
        }
        self.past, self.held_out, space, size = random_play(task, steps, n_envs, seed)
        torch.manual_seed(seed)
        seen = make_vision(space, **self.vision_settings)
        self.model = LatentModel(seen, Memory(seen.z_dim + size, **self.memory_settings), size)
        if saved:
            load_into(self.model, saved, str(vision))
        else:
            seen.fit(self.past.last(len(self.past), "cpu").observations.flatten(0, 1))
        parameters = [
            p for name, p in self.model.named_parameters() if name.startswith("vision.") == (part == "vision")
        ]
        self.optimizer = torch.optim.Adam(parameters, lr=learning_rate)

    @property
    def total_steps(self) -> int:
        """Optimiser steps."""
        return self.updates

    def update(self) -> dict[str, float]:
        """Take one optimiser step.

        Raises:
            Diverged: The gradient is not finite.
        """
        found, encodings = self.model.losses(self.past.sample(self.batch_size, self.length, "cpu"))
        memory = found["next"] + found["reward"] + found["goes_on"]
        self.optimizer.zero_grad(set_to_none=True)
        (found["vision"] if self.part == "vision" else memory).backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not torch.isfinite(norm):
            raise Diverged(f"gradient norm {float(norm)} at update {self.step}")
        self.optimizer.step()
        if self.part == "vision":
            self.model.vision.quantizer.update(encodings.detach())
        self.step += 1
        return {**{name: loss.item() for name, loss in found.items()}, "grad_norm": float(norm)}

    @torch.no_grad()
    def quality(self) -> dict[str, float]:
        """Return, on held-out play: reconstruction error beside the observations' variance, perplexity, prediction error."""
        batch = self.held_out.last(len(self.held_out), "cpu")
        seen = self.model.vision.look(batch.observations.flatten(0, 1))
        target = self.model.vision.target(batch.observations.flatten(0, 1))
        wrong = (self.model.vision.decode(seen.quantised.codes.flatten(1)) - target).square().mean()
        found = {
            "reconstruction_error": wrong.item(),
            "observation_variance": (target - target.mean(0)).square().mean().item(),
            "perplexity": self.model.vision.quantizer.usage(seen.quantised.indices).item(),
        }
        if self.part == "memory":
            pieces = self.held_out.pieces(min(self.length, len(self.held_out)))
            found |= self.model.errors(pieces)
        return found

    @torch.no_grad()
    def pictures(self) -> dict[str, np.ndarray]:
        """Draw held-out pictures above their reconstructions; nothing for vectors."""
        frames = self.held_out.last(8, "cpu").observations[0]
        if frames.ndim != 4:
            return {}
        drawn = self.model.vision.decode(self.model.vision(frames))
        rows = torch.stack([self.model.vision.target(frames), drawn])[:, :, 0]
        picture = (rows.clamp(0, 1) * 255).round().byte().numpy()
        return {
            "reconstructions": picture.transpose(0, 2, 1, 3).reshape(-1, picture.shape[1] * picture.shape[3])
        }

    def get_state(self) -> Tree:
        """Return everything that the rest of the training depends on; random play is made again from the seed."""
        return {
            "step": self.step,
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def set_state(self, state: Tree) -> None:
        """Continue from :meth:`get_state`'s tree."""
        self.step = int(state["step"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def finish(self, folder: Path) -> Quality:
        """Write ``model.safetensors`` and ``quality.json``."""
        settings: MemorySizes = self.memory_settings if self.part == "memory" else {}
        save_model(self.model, self.vision_settings, settings, folder / "model.safetensors")
        quality = self.quality()
        write_json(folder / "quality.json", quality)
        return quality


def random_play(
    task: Task, steps: int, n_envs: int, seed: int
) -> tuple[SequenceReplay, SequenceReplay, spaces.Box, int]:
    """Return random play to learn from, play to evaluate on, the space of observations, and the numbers of an action.

    Continuous actions follow a bounded random walk, discrete ones are independent.
    """
    env, rng = task.vec_env([0.0], n_envs, seed), np.random.default_rng(seed)
    space, actions = env.observation_space, env.action_space
    assert isinstance(space, spaces.Box)
    size = int(actions.n) if isinstance(actions, spaces.Discrete) else int(np.prod(actions.shape))
    rows = -(-steps // n_envs)
    held = max(2, int(HELD_OUT_SHARE * rows))
    kept = [SequenceReplay(count, n_envs, space.shape, space.dtype, size) for count in (rows - held, held)]
    seen, starts = env.reset(), np.ones(n_envs, dtype=bool)
    vectors, before = np.zeros((n_envs, size), np.float32), np.zeros((n_envs, size), np.float32)
    for row in range(rows):
        vectors, chosen = _random_actions(rng, actions, vectors, starts)
        following, rewards, dones, infos = env.step(chosen)
        cut = np.array([bool(dones[i] and infos[i].get("TimeLimit.truncated", False)) for i in range(n_envs)])
        kept[row >= rows - held].add(
            observations=seen,
            actions=vectors,
            previous=before * ~starts[:, None],
            rewards=rewards,
            starts=starts | (row == rows - held),
            terminated=dones & ~cut,
            ended=dones,
        )
        seen, starts, before = following, dones, vectors
    env.close()
    return kept[0], kept[1], space, size


def _random_actions(
    rng: np.random.Generator, space: spaces.Space, before: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return random actions as vectors (n, size) and as the env takes them."""
    if isinstance(space, spaces.Discrete):
        chosen = rng.integers(space.n, size=len(starts))
        return action_vectors(torch.from_numpy(chosen), space).numpy(), chosen
    assert isinstance(space, spaces.Box)
    noise = rng.normal(size=before.shape).astype(np.float32)
    vectors = (KEEP * before * ~starts[:, None] + 0.5 * noise).clip(-1, 1)
    return vectors, space.low + (vectors.reshape(-1, *space.shape) + 1) * 0.5 * (space.high - space.low)
