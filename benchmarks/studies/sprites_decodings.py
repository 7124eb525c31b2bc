"""What an encoder that predicts a single reward keeps of a picture: figure 2 of the task sheet, and in numbers.

One encoder is taught to predict the agent's row, one its column; a decoder that never touches the encoder learns to draw from its
features. Rewarded along one axis only, features should tell where the agent is on that axis and nothing about the other: the drawn agent
is sharp along the one and blurred along the other, and the target, never rewarded, a haze. In numbers, along either axis: the error with
which a line fitted to the features tells the agent's place, and the width of the drawn agent (9 pixels in the picture).

    python -m benchmarks.studies.sprites_decodings        # 2 x 2 CPU-minutes, resumable; docs/results/sprites_decodings.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.record import ROOT, write
from rlsuite.config.instantiate import build
from rlsuite.config.schema import Pretraining
from rlsuite.config.settings import compose_settings
from rlsuite.experiment.pretraining import pretrain
from rlsuite.representation import sprites
from rlsuite.representation.training import SpritesPretraining, as_input
from rlsuite.runs.checkpoint import Checkpoints

PICTURE = ROOT / "docs" / "results" / "sprites_decodings.png"
AXES = ("vertical", "horizontal")
SHOWN, JUDGED = 8, 1000


def trained(root: Path, reward: str, seed: int) -> SpritesPretraining:
    """Return the finished training of the encoder that predicts ``reward``."""
    settings = [
        f"model.rewards=[{reward}]",
        "model.decoder=true",
        "model.updates=[3000]",
        "model.distractors=[0]",
    ]
    cfg = compose_settings(
        ["model=sprites_encoder", *settings, f"seed={seed}", "checkpoint.every_s=30"], Pretraining
    )
    folder = root / f"{reward}_s{seed}"
    pretrain(cfg, folder)
    training: SpritesPretraining = build(cfg.model, seed=seed)
    saved = Checkpoints(folder / "checkpoint").latest()
    assert saved is not None
    training.set_state(saved["model"])
    return training


@torch.no_grad()
def drawn(training: SpritesPretraining, frames: np.ndarray) -> np.ndarray:
    """Return what the decoder makes of ``frames`` (n, 64, 64) uint8: (n, 64, 64) in [0, 1]."""
    assert training.decoder is not None
    return torch.sigmoid(training.decoder(training.encoder(as_input(frames)[:, None])))[:, 0].numpy()


def widths(decodings: np.ndarray, agents: np.ndarray, reach: int = 24) -> dict[str, int]:
    """Return over how many pixels along either axis the drawn agent is at least half as bright as at its centre.

    Drawings (n, 64, 64), less their mean, are shifted so that the agent (n, 2) is in the middle, and averaged.
    """
    haze = np.pad(decodings - decodings.mean(axis=0), ((0, 0), (reach, reach), (reach, reach)))
    pixels = (agents * (sprites.FRAME_SIDE - 1)).astype(int)
    window = 2 * reach + 1
    mean = np.mean(
        [d[r : r + window, c : c + window] for d, (r, c) in zip(haze, pixels, strict=True)], axis=0
    )
    middle = slice(reach - 1, reach + 2)
    profiles = {"vertical": mean[:, middle].mean(axis=1), "horizontal": mean[middle].mean(axis=0)}
    return {axis: int((profile >= profile.max() / 2).sum()) for axis, profile in profiles.items()}


def read_out(features: np.ndarray, agents: np.ndarray) -> dict[str, float]:
    """Return the squared error along either axis of the agent's place (n, 2) as a line fitted to the features tells it.

    Fitted to the first 70 % of the pictures, judged on the others.
    """
    inputs, fit = np.c_[features, np.ones(len(features))], int(0.7 * len(features))
    line = np.linalg.lstsq(inputs[:fit], agents[:fit], rcond=None)[0]
    errors = np.square(inputs[fit:] @ line - agents[fit:]).mean(axis=0)
    return {axis: round(float(error), 5) for axis, error in zip(AXES, errors, strict=True)}


def judged(training: SpritesPretraining) -> dict[str, Any]:
    """Judge on held-out pictures."""
    batch = training.held_out(0, JUDGED)
    frames, agents = batch.pictures[:, 0], batch.positions[:, 0, 0]
    with torch.no_grad():
        features = training.encoder(as_input(frames)[:, None]).numpy()
    return {"squared_error": read_out(features, agents), "width": widths(drawn(training, frames), agents)}


def figure(trainings: dict[str, SpritesPretraining]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    batch = trainings[AXES[0]].held_out(0, SHOWN)
    frames = batch.pictures[:, 0]
    rows = {"picture": frames / 255} | {f"{name} reward": drawn(t, frames) for name, t in trainings.items()}
    fig, axes = plt.subplots(len(rows), SHOWN, figsize=(1.3 * SHOWN, 1.35 * len(rows)))
    for line, (title, pictures) in zip(axes, rows.items(), strict=True):
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=max(0.3, float(picture.max())))
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(title, fontsize=8)
    fig.tight_layout(pad=0.3)
    fig.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("outputs/sprites_decodings"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    trainings = {name: trained(args.root, name, args.seed) for name in AXES}
    figure(trainings)
    found = {name: judged(training) for name, training in trainings.items()}
    ratios = {
        axis: {
            key: round(found[axis][key][axis] / found[axis][key][other], 3)
            for key in ("squared_error", "width")
        }
        for axis, other in (AXES, AXES[::-1])
    }
    write(
        "sprites_decodings",
        {
            "pictures": JUDGED,
            "rewarded_axis": found,
            "rewarded_over_other": ratios,
            "limit": {"squared_error": 1 / 3},
            "predicted": {name: training.stages[-1] for name, training in trainings.items()},
        },
    )


if __name__ == "__main__":
    main()
