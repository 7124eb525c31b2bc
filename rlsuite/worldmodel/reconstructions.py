"""Observations, their reconstructions, and what the model imagines, as one image."""

from __future__ import annotations

import numpy as np
import torch

from rlsuite.worldmodel.model import Latent, LatentModel
from rlsuite.worldmodel.sequences import Sequences


@torch.no_grad()
def draw_reconstructions(model: LatentModel, batch: Sequences, steps: int = 8) -> np.ndarray:
    """Draw the first piece of ``batch``, of pictures, as uint8 (3 H, steps W, 3).

    From top to bottom: the observations, their reconstructions, and what is imagined from the latent state before the first one
    with the actions that were taken.
    """
    first = batch.starts.shape[1] - steps
    one = Sequences(*(part[:1] for part in batch))
    z = model.vision(one.observations.flatten(0, 1)).unflatten(0, one.starts.shape)
    tokens = torch.cat([z, one.previous], 2)[:, :first]
    starts = one.starts[:, :first]
    latent = Latent(
        z[:, first - 1], model.memory(tokens, starts)[:, -1], model.memory.state_after(tokens, starts)
    )
    imagined = []
    for t in range(first - 1, first + steps - 1):
        latent = model.imagine(latent, one.actions[:, t])[0]
        imagined.append(model.vision.decode(latent.z))
    rows = torch.stack(
        [
            model.vision.target(one.observations[0, first:]),
            model.vision.decode(z[0, first:]),
            torch.cat(imagined),
        ]
    )  # (3, steps, C, H, W)
    shown = rows if rows.shape[2] == 3 else rows[:, :, :1].expand(-1, -1, 3, -1, -1)
    picture = shown.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    return (picture.clamp(0, 1) * 255).round().byte().cpu().numpy()
