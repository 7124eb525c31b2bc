"""The world model: vision encodes observations, memory summarises the past, and heads predict code, reward and continuation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rlsuite.worldmodel.memory import Memory, MemoryState
from rlsuite.worldmodel.sequences import Sequences
from rlsuite.worldmodel.vision import Vision


class Latent(NamedTuple):
    """Latent states of envs: z (n, z_dim), h (n, h_dim), and the memory that h is computed from."""

    z: Tensor
    h: Tensor
    memory: MemoryState

    @property
    def features(self) -> Tensor:
        """Return (n, z_dim + h_dim): all that actor and critic see."""
        return torch.cat([self.z, self.h], 1)

    def repeat(self, times: int) -> Latent:
        """Return each env ``times`` times in a row."""
        return Latent(
            self.z.repeat_interleave(times, 0), self.h.repeat_interleave(times, 0), self.memory.repeat(times)
        )


class Prediction(NamedTuple):
    """The heads' prediction of a step: the next z (..., z_dim), the reward (...), the logit of continuing (...)."""

    guess: Tensor
    reward: Tensor
    goes_on: Tensor


class LatentModel(nn.Module):
    """Vision and memory are trained separately: z is detached as input and as target of memory and heads.

    The loss of memory could otherwise be lowered by less informative codes. Actions are vectors (n, action_dim): one-hot, or in
    [-1, 1].
    """

    def __init__(self, vision: Vision, memory: Memory, action_dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.vision, self.memory, self.action_dim = vision, memory, action_dim
        self.z_dim, self.h_dim = vision.z_dim, memory.width
        self.trunk = nn.Sequential(
            nn.Linear(self.z_dim + self.h_dim + action_dim, hidden),
            nn.LayerNorm(hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.log_sharpness = nn.Parameter(torch.tensor(1.0))  # of the codes that a guess may mean
        self.change, self.reward, self.goes_on = (nn.Linear(hidden, size) for size in (self.z_dim, 1, 1))

    def see(self, observations: Tensor, previous: Tensor, starts: Tensor, memory: MemoryState) -> Latent:
        """Return the latent states of envs that observe ``observations`` (n, ...) after the actions ``previous`` (n, action_dim).

        Envs in ``starts`` (n,) bool begin an episode: memory and the previous action are ignored.
        """
        z = self.vision(observations)
        h, after = self.memory.step(torch.cat([z, previous * ~starts[:, None]], 1), memory, starts)
        return Latent(z, h, after)

    def predict(self, z: Tensor, h: Tensor, actions: Tensor) -> Prediction:
        """Predict the outcome of ``actions`` (..., action_dim) at (z, h)."""
        x = self.trunk(torch.cat([z, h, actions], -1))
        return Prediction(z + self.change(x), self.reward(x).squeeze(-1), self.goes_on(x).squeeze(-1))

    def imagine(self, latent: Latent, actions: Tensor) -> tuple[Latent, Tensor, Tensor]:
        """Take a step in the model: the next latent states, the rewards (n,) and the probabilities (n,) of continuing."""
        predicted = self.predict(latent.z, latent.h, actions)
        z = self.vision.quantizer.settle(
            self.vision.codes(predicted.guess), self.log_sharpness.exp()
        ).flatten(1)
        none = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        h, memory = self.memory.step(torch.cat([z, actions], 1), latent.memory, none)
        return Latent(z, h, memory), predicted.reward, predicted.goes_on.sigmoid()

    def losses(self, batch: Sequences) -> tuple[dict[str, Tensor], Tensor]:
        """Return the losses of vision and of memory with its heads, and the encodings to update the codes by."""
        shape = batch.starts.shape
        seen = self.vision.look(batch.observations.flatten(0, 1))
        codes = seen.quantised.codes.detach().unflatten(0, shape)
        indices = seen.quantised.indices.unflatten(0, shape)
        predicted = self._predicted(codes.flatten(2), batch)
        guess = self.vision.codes(predicted.guess[:, :-1])
        wrong = self.vision.quantizer.guess_loss(
            guess, codes[:, 1:], indices[:, 1:], self.log_sharpness.exp()
        )
        follows = (~batch.ended[:, :-1]).float()  # what comes after an end is another episode
        found = {
            "vision": seen.loss,
            "next": (wrong * follows).sum() / follows.sum().clamp_min(1),
            "reward": F.mse_loss(predicted.reward, batch.rewards),
            "goes_on": F.binary_cross_entropy_with_logits(predicted.goes_on, (~batch.terminated).float()),
        }
        return found, seen.encodings

    def _predicted(self, z: Tensor, batch: Sequences) -> Prediction:
        """Return what is predicted at every step of latents z (B, T, z_dim)."""
        h = self.memory(torch.cat([z, batch.previous], 2), batch.starts)
        return self.predict(z, h, batch.actions)

    @torch.no_grad()
    def remember(self, batch: Sequences) -> MemoryState:
        """Return the memory of envs whose last steps are ``batch``, with the present weights."""
        z = self.vision(batch.observations.flatten(0, 1)).unflatten(0, batch.starts.shape)
        return self.memory.state_after(torch.cat([z, batch.previous], 2), batch.starts)

    @torch.no_grad()
    def errors(self, batch: Sequences, steps: tuple[int, ...] = (1, 10)) -> dict[str, float]:
        """Return the model's prediction error after so many steps of the actions taken, in units of vision's reconstruction.

        ``persistence_k`` is the error of predicting no change. Pieces in which an episode ends are left out; a batch without
        any other, or with too few steps, gives no numbers.
        """
        first = batch.starts.shape[1] - max(steps) - 1
        if first < 0:
            return {}
        past = Sequences(*(part[:, : first + 1] for part in batch))
        whole = ~batch.ended[:, first:-1].any(1)
        if not whole.any():
            return {}
        target = self.vision.target(batch.observations.flatten(0, 1)).unflatten(0, batch.starts.shape)[whole]
        z = self.vision(past.observations.flatten(0, 1)).unflatten(0, past.starts.shape)
        tokens = torch.cat([z, past.previous], 2)
        latent = Latent(
            z[:, -1], self.memory(tokens, past.starts)[:, -1], self.memory.state_after(tokens, past.starts)
        )
        found = {}
        for k in range(1, max(steps) + 1):
            latent = self.imagine(latent, batch.actions[:, first + k - 1])[0]
            if k in steps:
                there = target[:, first + k]
                found[f"error_{k}"] = F.mse_loss(self.vision.decode(latent.z[whole]), there).item()
                found[f"persistence_{k}"] = F.mse_loss(target[:, first], there).item()
        return found
