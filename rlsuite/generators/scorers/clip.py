"""CLIP scores by a pretrained CLIP of the transformers library, from a folder on this machine.

Hessel et al., "CLIPScore: a reference-free evaluation metric for image captioning" (2021), https://arxiv.org/abs/2104.08718.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.core.interfaces import NO_USE, Interface, Use

MEAN, STD = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)  # of CLIP's training images
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MENDING = "take reward/scorer=contrastive_digits, which ships with the package"


class CLIPScorer(Interface):
    """The cosine of an image with a sentence about its class; the sentences are embedded once.

    Args:
        path: folder that ``CLIPModel.save_pretrained`` and ``CLIPTokenizer.save_pretrained`` wrote; nothing is downloaded.
        names: the classes in words.
        template: the sentence, with ``{}`` for the word.
        device: where the model goes.
    """

    def __init__(
        self,
        *,
        path: str,
        names: Sequence[str] = DIGITS,
        template: str = "a picture of the digit {}",
        device: str = "cpu",
    ) -> None:
        from transformers import CLIPModel, CLIPTokenizerFast

        self.model: Any = (
            CLIPModel.from_pretrained(path, local_files_only=True).eval().requires_grad_(False).to(device)
        )
        tokenizer = CLIPTokenizerFast.from_pretrained(path, local_files_only=True)
        words = tokenizer([template.format(name) for name in names], padding=True, return_tensors="pt").to(
            device
        )
        self.classes = F.normalize(_embedding(self.model.get_text_features(**words)), dim=1)
        self.side, self.device = self.model.config.vision_config.image_size, device

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: object) -> Iterator[str]:
        """Yield what it needs and does not find on this machine, before anything is built."""
        if find_spec("transformers") is None:
            yield f"the package transformers is not installed; pip install 'rlsuite[clip]', or {MENDING}"
        path = settings.get("path")
        if path is not None and not (Path(str(path)) / "config.json").is_file():
            yield f"path={path} is no folder of a CLIP model: it has no config.json; {MENDING}"

    @torch.no_grad()
    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return CLIP scores (B,): the cosine of images (B, C, H, W) in [0, 1] with their classes (B,), at least 0."""
        pixels = images.to(self.device).expand(-1, 3, -1, -1)
        pixels = F.interpolate(pixels, (self.side, self.side), mode="bicubic", align_corners=False).clamp(
            0, 1
        )
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        pictures = F.normalize(
            _embedding(self.model.get_image_features(pixel_values=(pixels - mean) / std)), dim=1
        )
        return (pictures * self.classes[labels.to(self.device)]).sum(1).clamp_min(0).cpu()


def _embedding(found: Any) -> Tensor:
    """Return the features (B, d), which later versions of the library wrap."""
    return found if isinstance(found, Tensor) else found.pooler_output
