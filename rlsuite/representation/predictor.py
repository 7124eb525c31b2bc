"""Future rewards predicted from the features of a few frames: the loss that trains an encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def three_layers(inputs: int, outputs: int, hidden: int, slope: float) -> nn.Sequential:
    """Return the sheet's 3-layer perceptron."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.LeakyReLU(slope),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(slope),
        nn.Linear(hidden, outputs),
    )


class RewardPredictor(nn.Module):
    """Features of N frames (B, N, features) -> rewards of the T steps to come (B, T, K), one head for each of K rewards.

    The frames' features go through a perceptron into an LSTM that is rolled out without seeing more; figure 5 of the task sheet
    "Reward-Induced Representation Learning" (Jain, Lee and Pertsch). Heads predict (reward - .5) * ``SCALE``: rewards lie in
    [0, 1] with a deviation of about 1 / SCALE.
    """

    SCALE = 4.0

    def __init__(
        self,
        rewards: int,
        features_dim: int = 64,
        frames: int = 3,
        lstm: int = 64,
        hidden: int = 32,
        slope: float = 0.1,
    ) -> None:
        super().__init__()
        self.start = three_layers(frames * features_dim, lstm, hidden, slope)
        self.lstm = nn.LSTM(lstm, lstm, batch_first=True)
        self.heads = nn.ModuleList(three_layers(lstm, 1, hidden, slope) for _ in range(rewards))

    def forward(self, features: Tensor, steps: int) -> Tensor:
        """Predict the rewards of ``steps`` steps, in the heads' own scale."""
        start = self.start(features.flatten(1))
        hidden = torch.tanh(start)[None]
        outputs, _ = self.lstm(start[:, None].expand(-1, steps, -1), (hidden, torch.zeros_like(hidden)))
        return torch.cat([head(outputs) for head in self.heads], dim=-1)

    @classmethod
    def targets(cls, rewards: Tensor) -> Tensor:
        """Return the heads' targets for ``rewards``."""
        return (rewards - 0.5) * cls.SCALE
