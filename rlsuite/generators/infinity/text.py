"""Prompts to text features by a T5 encoder from a local folder, kept in a file so that the encoder runs once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rlsuite.core.errors import UserError
from rlsuite.generators.common.loading import WeightsError, read_tensors


def encode(prompts: Sequence[str], encoder: Path, device: str, longest: int = 512) -> list[Tensor]:
    """Features (tokens, channels) float32 of each prompt: the encoder's last hidden state, without padding.

    Args:
        prompts: the texts.
        encoder: folder of a T5 encoder and its tokenizer, for the released Infinity ``google/flan-t5-xl``.
        device: where the encoder runs.
        longest: tokens that a prompt is cut at.

    Raises:
        UserError: transformers is not installed, or the folder holds no T5.
    """
    try:
        from transformers import AutoTokenizer, T5EncoderModel
    except ImportError as e:
        raise UserError("prompts are read by T5: pip install 'rlsuite[infinity]' (transformers)") from e
    dtype = torch.float32 if device == "cpu" else torch.float16
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(encoder), local_files_only=True)
        model = T5EncoderModel.from_pretrained(str(encoder), local_files_only=True, torch_dtype=dtype)
    except (OSError, ValueError) as e:
        raise UserError(f"text_encoder={encoder} holds no T5 encoder: {str(e).splitlines()[0]}") from e
    model = model.eval().to(device)
    features = []
    for prompt in prompts:
        tokens = tokenizer(prompt, max_length=longest, truncation=True, return_tensors="pt").to(device)
        with torch.no_grad():
            features.append(model(**tokens).last_hidden_state[0].float().cpu())
    return features


def save_features(features: Sequence[Tensor], path: Path) -> None:
    """Write features of prompts as ``features`` (sum of tokens, channels) and ``lengths`` (prompts,)."""
    lengths = torch.tensor([len(f) for f in features])
    save_file({"features": torch.cat(list(features)).contiguous(), "lengths": lengths}, path)


def load_features(path: Path) -> list[Tensor]:
    """Read a file written by :func:`save_features`.

    Raises:
        WeightsError: it is no such file.
    """
    state = read_tensors(path)
    if set(state) != {"features", "lengths"} or int(state["lengths"].sum()) != len(state["features"]):
        raise WeightsError(
            f"{path} holds no text features: it needs features (tokens, channels) and lengths (prompts,)"
        )
    return list(state["features"].float().split(state["lengths"].tolist()))


def features(
    path: str | None, prompts: str | None, encoder: str | None, device: str, longest: int
) -> list[Tensor]:
    """Features from the file ``path``, else of the lines of the file ``prompts``, then kept in ``path`` if it is given.

    Raises:
        UserError: neither is there, or the prompts but no encoder.
    """
    if path is not None and Path(path).is_file():
        return load_features(Path(path))
    lines = _lines(path, prompts, encoder)
    found = encode(lines, Path(str(encoder)), device, longest)
    if path is not None:
        save_features(found, Path(path))
    return found


def count(path: str | None, prompts: str | None, encoder: str | None) -> int:
    """Number of prompts that :func:`features` would have features of; no feature is read.

    Raises:
        UserError: as there.
    """
    if path is None or not Path(path).is_file():
        return len(_lines(path, prompts, encoder))
    try:
        with safe_open(path, framework="pt") as file:
            return int(file.get_slice("lengths").get_shape()[0])
    except (SafetensorError, OSError) as e:
        raise WeightsError(f"env.generator.text_features={path} holds no text features: {e}") from e


def _lines(path: str | None, prompts: str | None, encoder: str | None) -> list[str]:
    if prompts is None or encoder is None:
        raise UserError(
            "an Infinity needs text: env.generator.text_features=<file of features>, or env.generator.prompts=<text file, a "
            "prompt a line> with env.generator.text_encoder=<folder of flan-t5-xl>"
            + (f"; there is no {path}" if path else "")
        )
    if not Path(prompts).is_file():
        raise UserError(f"env.generator.prompts={prompts}: no such file")
    if not Path(encoder).is_dir():
        raise UserError(f"env.generator.text_encoder={encoder}: no such folder")
    lines = [line.strip() for line in Path(prompts).read_text().splitlines() if line.strip()]
    if not lines:
        raise UserError(f"env.generator.prompts={prompts} has no line of text")
    return lines
