"""LPIPS: distance of images by the features of an AlexNet, from local weights.

Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (2018),
https://arxiv.org/abs/1801.03924.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlsuite.core.interfaces import NO_USE, Interface, Use
from rlsuite.generators.common.loading import load_strict, read_tensors

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
WIDTHS = (64, 192, 384, 256, 256)


class Backbone(nn.Module):
    """The convolutions of torchvision's AlexNet, with its names."""

    def __init__(self) -> None:
        super().__init__()
        convs = {
            "0": nn.Conv2d(3, 64, 11, 4, 2),
            "3": nn.Conv2d(64, 192, 5, padding=2),
            "6": nn.Conv2d(192, 384, 3, padding=1),
            "8": nn.Conv2d(384, 256, 3, padding=1),
            "10": nn.Conv2d(256, 256, 3, padding=1),
        }
        self.features = nn.ModuleDict(convs)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features after each of the five convolutions."""
        found = []
        for name, conv in self.features.items():
            if name in ("3", "6"):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(conv(x))
            found.append(x)
        return found


class Heads(nn.Module):
    """One weight a channel of each layer, with the names of LPIPS."""

    def __init__(self) -> None:
        super().__init__()
        for i, width in enumerate(WIDTHS):
            self.add_module(
                f"lin{i}", nn.ModuleDict({"model": nn.ModuleDict({"1": nn.Conv2d(width, 1, 1, bias=False)})})
            )

    def weights(self) -> list[Tensor]:
        """(1, channels, 1, 1) of each layer."""
        return list(self.parameters())


class LPIPS(nn.Module, Interface):
    """LPIPS 0.1 with AlexNet.

    Args:
        backbone: torchvision's ``alexnet-owt-7be5be79.pth`` (its ``classifier.*`` is not read).
        heads: ``alex.pth`` of LPIPS 0.1.
        device: where it goes.

    Raises:
        WeightsError: a file is missing, damaged or does not fit.
    """

    def __init__(self, *, backbone: str, heads: str, device: str = "cpu") -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.backbone, self.heads = Backbone(), Heads()
        state = read_tensors(Path(backbone))
        load_strict(
            self.backbone, {k: v for k, v in state.items() if not k.startswith("classifier.")}, backbone
        )
        load_strict(self.heads, read_tensors(Path(heads)), heads)
        self.eval().requires_grad_(False).to(device)

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: object) -> Iterator[str]:
        """Yield which of its files is not on this machine."""
        for name in ("backbone", "heads"):
            if not Path(str(settings[name])).is_file():
                yield f"env.lpips.{name}={settings[name]}: no such file"

    def _layers(self, images: Tensor) -> list[Tensor]:
        x = images.expand(-1, 3, -1, -1) * 2 - 1
        shift, scale = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (SHIFT, SCALE))
        layers = self.backbone((x - shift) / scale)
        return [f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10) for f in layers]

    @torch.no_grad()
    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """Distances (n,) of images (n, 1 or 3, H, W) in [0, 1], at least 31 pixels a side."""
        pairs = zip(self._layers(images), self._layers(others), self.heads.weights(), strict=True)
        return sum(((a - b).square() * w).sum(1).mean((1, 2)) for a, b, w in pairs)  # type: ignore[return-value]
