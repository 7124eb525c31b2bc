"""FID's Inception features, from local weights: for images of natural scenes; digits have the classifier's own."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rlsuite.core.errors import UserError
from rlsuite.metrics import frechet_distance

INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"


def fid(images: Tensor, others: Tensor, weights: str, batch: int = 32, device: str = "cpu") -> float:
    """FID of two sets of images (n, 1 or 3, H, W) in [0, 1], each of more than 2048.

    Args:
        images: one set.
        others: the other.
        weights: torch-fidelity's file ``pt_inception-2015-12-05-6726825d.pth``.
        batch: images at a time.
        device: where the network runs.

    Raises:
        UserError: the file or the package is missing.
    """
    if not Path(weights).is_file():
        raise UserError(
            f"FID needs the Inception weights {INCEPTION_FILE} of torch-fidelity; there is no file {weights}"
        )
    if find_spec("torch_fidelity") is None:
        raise UserError("FID needs the package torch-fidelity: pip install 'rlsuite[fid]'")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=weights).to(
        device
    )

    @torch.no_grad()
    def features(x: Tensor) -> np.ndarray:
        bytes_ = (x.expand(-1, 3, -1, -1) * 255).round().to(torch.uint8)
        return torch.cat([network(part.to(device))[0].cpu() for part in bytes_.split(batch)]).numpy()

    return frechet_distance(features(images), features(others))
