"""A CLIP in miniature: images and classes embedded into one space, in which an image lies near the class it shows.

Radford et al., "Learning transferable visual models from natural language supervision" (2021),
https://arxiv.org/abs/2103.00020; the text encoder is a table, since a text here is the name of a class.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.generators.common.loading import GENERATOR_WEIGHTS, load_strict, read_tensors


class Contrastive(nn.Module):
    """Image encoder and class table.

    Args:
        num_classes: classes.
        width: channels of the first convolution.
        dim: dimension of the common space.
    """

    def __init__(self, num_classes: int = 10, width: int = 24, dim: int = 32) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
        )
        self.image = nn.Linear(2 * width * 16, dim)
        self.classes = nn.Embedding(num_classes, dim)
        self.log_scale = nn.Parameter(torch.tensor(2.0))  # inverse temperature of the contrast

    def similarities(self, images: Tensor) -> Tensor:
        """Return the cosines (B, classes) of images (B, 1, 32, 32) in [-1, 1] with every class."""
        pictures = F.normalize(self.image(self.conv(images).flatten(1)), dim=1)
        return pictures @ F.normalize(self.classes.weight, dim=1).T

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of the contrast."""
        return self.log_scale.clamp_max(4.0).exp() * self.similarities(images)

    @torch.no_grad()
    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return CLIP scores (B,): the cosine of images (B, 1, 32, 32) in [0, 1] with their classes (B,), at least 0."""
        cosines = self.similarities(images * 2 - 1)
        return cosines.gather(1, labels[:, None])[:, 0].clamp_min(0)


def digits_clip(*, device: str = "cpu") -> Contrastive:
    """Load the model that ships with the package, made by ``python -m rlsuite.pretrain model=contrastive``."""
    path = GENERATOR_WEIGHTS / "contrastive_digits" / "weights.safetensors"
    with torch.random.fork_rng(devices=[]):
        model = Contrastive()
    load_strict(model, read_tensors(path), str(path))
    return model.eval().requires_grad_(False).to(device)
