"""Vision: an autoencoder with quantised codes, for vector and image observations."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypedDict

import torch
from gymnasium import spaces
from torch import Tensor, nn
from torch.nn import functional as F

from rlsuite.networks.standardised import Standardised
from rlsuite.worldmodel.quantizer import Quantised, Quantizer, make_quantizer

Pool = Literal["grid", "mean"]
"""What is quantised of a picture: the encoding of each place, or the mean over places."""


class VisionSizes(TypedDict):
    """What rebuilds a vision: the arguments of :func:`make_vision` beside the observation space."""

    kind: Quantizer
    groups: int
    codes: int
    dim: int
    hidden: int
    pool: Pool


class Seen(NamedTuple):
    """Vision's training pass: encodings (N, G, d), their codes, and the loss (scalar)."""

    encodings: Tensor
    quantised: Quantised
    loss: Tensor


class Vision(nn.Module):
    """Base: ``to_features`` and ``from_codes`` come from subclasses; a latent z is (N, ``z_dim``), the codes in a row."""

    def __init__(self, kind: Quantizer, groups: int, size: int, dim: int, shared: bool) -> None:
        super().__init__()
        self.quantizer = make_quantizer(kind, groups, size, dim, shared)
        self.z_dim = groups * dim

    def fit(self, observations: Tensor) -> None:
        """Take units from (N, ...) observations, once."""

    def target(self, observations: Tensor) -> Tensor:
        """Return observations (N, ...) in the units of the reconstruction."""
        raise NotImplementedError

    def encodings(self, target: Tensor) -> Tensor:
        """Return what is quantised, (N, G, d)."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Return the reconstruction (N, ...) of latents (N, z_dim), in the units of ``target``."""
        raise NotImplementedError

    def codes(self, z: Tensor) -> Tensor:
        """Return latents (..., z_dim) as codes (..., G, d)."""
        return z.unflatten(-1, (self.quantizer.groups, self.quantizer.dim))

    def quantise(self, observations: Tensor) -> Quantised:
        """Return the codes of observations (N, ...)."""
        return self.quantizer(self.encodings(self.target(observations)))

    def forward(self, observations: Tensor) -> Tensor:
        """Return the latents (N, z_dim) of observations (N, ...)."""
        return self.quantise(observations).codes.flatten(1)

    def look(self, observations: Tensor) -> Seen:
        """Return codes and loss, reconstruction error and commitment, of observations (N, ...)."""
        target = self.target(observations)
        encodings = self.encodings(target)
        quantised = self.quantizer(encodings)
        error = F.mse_loss(self.decode(quantised.codes.flatten(1)), target)
        return Seen(encodings, quantised, error + quantised.loss)


class StateVision(Vision):
    """Vectors (N, n) to ``groups`` codes, each from a book of its own, by two layers each way."""

    def __init__(
        self, size: int, kind: Quantizer, groups: int, codes: int, dim: int, hidden: int = 64
    ) -> None:
        super().__init__(kind, groups, codes, dim, shared=False)
        self.units = Standardised(size)
        self.encoder = nn.Sequential(
            nn.Linear(size, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, self.z_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(self.z_dim, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, size),
        )

    def fit(self, observations: Tensor) -> None:
        """Take the mean and deviation of (N, n) observations as units."""
        self.units.fit(observations)

    def target(self, observations: Tensor) -> Tensor:
        """Standardise (N, n)."""
        return self.units(observations.float())

    def encodings(self, target: Tensor) -> Tensor:
        """Encode (N, n)."""
        return self.codes(self.encoder(target))

    def decode(self, z: Tensor) -> Tensor:
        """Decode (N, z_dim) to (N, n)."""
        return self.decoder(z)


class PictureVision(Vision):
    """Pictures (N, C, H, W) to a grid of codes from one book, by convolutions of stride 2 down to at least ``side``.

    ``pool=grid`` keeps each place as its own part of z; a ``mean`` over places does not know where anything is, and is there to
    show it.
    """

    def __init__(
        self,
        space: spaces.Box,
        kind: Quantizer,
        codes: int,
        dim: int,
        hidden: int = 32,
        pool: Pool = "grid",
        side: int = 6,
    ) -> None:
        channels, height, width = space.shape
        halvings = 0
        while (height >> (halvings + 1)) >= side and height % (1 << (halvings + 1)) == 0:
            halvings += 1
        self.grid = (height >> halvings, width >> halvings)
        self.pool: Pool = pool
        super().__init__(kind, self.grid[0] * self.grid[1] if pool == "grid" else 1, codes, dim, shared=True)
        highest = float(space.high.max())
        self.brightest = highest if highest < 1e6 else 1.0  # feature maps have no bounds
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for i in range(halvings):
            down += [nn.Conv2d(channels if i == 0 else hidden, hidden, 4, 2, 1), nn.ReLU()]
            up += [nn.ConvTranspose2d(hidden, channels if i == halvings - 1 else hidden, 4, 2, 1), nn.ReLU()]
        self.encoder = nn.Sequential(*down, nn.Conv2d(hidden, dim, 1))
        out = up[:-1] or [nn.Conv2d(hidden, channels, 1)]
        self.decoder = nn.Sequential(nn.Conv2d(dim, hidden, 1), nn.ReLU(), *out)

    def target(self, observations: Tensor) -> Tensor:
        """Scale (N, C, H, W) by the largest value there can be, so that pictures of 0-255 lie in [0, 1]."""
        return observations.float() / self.brightest

    def encodings(self, target: Tensor) -> Tensor:
        """Encode pictures, place by place in raster order, or all places by their mean."""
        places = self.encoder(target).flatten(2).transpose(1, 2)
        return places if self.pool == "grid" else places.mean(1, keepdim=True)

    def decode(self, z: Tensor) -> Tensor:
        """Draw (N, z_dim) as pictures (N, C, H, W)."""
        if self.pool == "mean":
            return self.decoder(z[:, :, None, None].expand(-1, -1, *self.grid))
        places = z.unflatten(-1, (self.grid[0] * self.grid[1], -1)).transpose(1, 2)
        return self.decoder(places.unflatten(2, self.grid))


def make_vision(
    space: spaces.Box, kind: Quantizer, groups: int, codes: int, dim: int, hidden: int, pool: Pool = "grid"
) -> Vision:
    """Return the vision for observations of ``space``: (n,), or pictures (C, H, W)."""
    if len(space.shape) == 3:
        return PictureVision(space, kind, codes, dim, hidden, pool)
    return StateVision(int(torch.tensor(space.shape).prod()), kind, groups, codes, dim, hidden)
