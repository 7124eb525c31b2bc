"""PPO's update on small perceptrons written out: forward, gradient and Adam in numpy, without a graph.

A minibatch of 64 on two hidden layers of 64 is about a hundred operations that each compute next to nothing, so what they cost is
being called. Here they are thirty, on one flat vector of parameters. Results are those of the graph up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from rlsuite.core.errors import Diverged

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi).item()


class Minibatch(NamedTuple):
    """Samples (B, ...): observations, actions, log-probabilities they were drawn with, advantages, returns."""

    observations: np.ndarray
    actions: np.ndarray
    old_log_prob: np.ndarray
    advantages: np.ndarray
    returns: np.ndarray


class Weights(NamedTuple):
    """How PPO weighs its losses."""

    clip: float
    vf: float
    ent: float


def layers_of(policy: Any) -> tuple[list[nn.Linear], list[nn.Linear]] | None:
    """Return actor's and critic's linear layers where both are plain tanh perceptrons on the observation; else None."""
    if (
        vars(type(policy)).get("upstream", type(policy)) is not ActorCriticPolicy
        or type(policy.features_extractor).__name__ != "FlattenExtractor"
    ):
        return None
    if not isinstance(policy.action_space, (spaces.Discrete, spaces.Box)) or policy.use_sde:
        return None
    found = []
    for body, head in (
        (policy.mlp_extractor.policy_net, policy.action_net),
        (policy.mlp_extractor.value_net, policy.value_net),
    ):
        kinds = [type(layer) for layer in body]
        if kinds != [nn.Linear, nn.Tanh] * (len(kinds) // 2) or type(head) is not nn.Linear:
            return None
        found.append([layer for layer in body if isinstance(layer, nn.Linear)] + [head])
    return found[0], found[1]


class Perceptron:
    """Tanh layers and a linear one; ``parameters`` and ``gradients`` are views (W, b, W, b, ...) of flat vectors."""

    def __init__(self, parameters: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> None:
        self.weights, self.biases = parameters[::2], parameters[1::2]
        self.weight_gradients, self.bias_gradients = gradients[::2], gradients[1::2]

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the input (B, n), each hidden layer's output, and the last layer's."""
        found = [x]
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight.T
            x += bias
            if i < last:
                np.tanh(x, out=x)
            found.append(x)
        return found

    def backward(self, outputs: list[np.ndarray], slope: np.ndarray) -> None:
        """Write the gradients, from the loss's slope (B, m) in the last output."""
        for i in range(len(self.weights) - 1, -1, -1):
            below = outputs[i]
            np.matmul(slope.T, below, out=self.weight_gradients[i])
            slope.sum(0, out=self.bias_gradients[i])
            if i:
                slope = slope @ self.weights[i]
                slope *= 1 - below * below


class HandBatched:
    """An SB3 policy's parameters and Adam's moments, copied to flat vectors for one update and written back after it.

    Args:
        policy: one that ``layers_of`` knows.

    Raises:
        ValueError: it is not.
    """

    def __init__(self, policy: ActorCriticPolicy) -> None:
        layers = layers_of(policy)
        if layers is None:
            raise ValueError(f"{type(policy).__name__} is no pair of plain perceptrons")
        self.discrete = isinstance(policy.action_space, spaces.Discrete)
        self.optimizer, (group,) = policy.optimizer, policy.optimizer.param_groups
        self.lr, self.betas, self.eps = group["lr"], group["betas"], group["eps"]
        nets = [[p for layer in net for p in (layer.weight, layer.bias)] for net in layers]
        self.tensors = [*nets[0], *nets[1], *([] if self.discrete else [policy.log_std])]
        self.parameters = np.concatenate([p.detach().numpy().ravel() for p in self.tensors])
        self.gradient = np.zeros_like(self.parameters)
        self.first, self.second, self.steps = self._moments()
        views, slopes = self._views(self.parameters), self._views(self.gradient)
        k = len(nets[0])
        self.actor = Perceptron(views[:k], slopes[:k])
        self.critic = Perceptron(views[k : k + len(nets[1])], slopes[k : k + len(nets[1])])
        if not self.discrete:
            self.log_std, self.log_std_gradient = views[-1], slopes[-1]

    def _views(self, flat: np.ndarray) -> list[np.ndarray]:
        ends = np.cumsum([p.numel() for p in self.tensors])[:-1]
        return [part.reshape(p.shape) for part, p in zip(np.split(flat, ends), self.tensors, strict=True)]

    def _moments(self) -> tuple[np.ndarray, np.ndarray, int]:
        states = [self.optimizer.state.get(p) for p in self.tensors]
        if not states[0]:
            return np.zeros_like(self.parameters), np.zeros_like(self.parameters), 0
        first, second = (
            np.concatenate([s[name].numpy().ravel() for s in states]) for name in ("exp_avg", "exp_avg_sq")
        )
        return first, second, int(states[0]["step"])

    def write_back(self) -> None:
        """Give the policy the parameters, and its optimizer the moments."""
        rows = zip(
            self.tensors,
            *(self._views(flat) for flat in (self.parameters, self.first, self.second)),
            strict=True,
        )
        with torch.no_grad():
            for p, value, first, second in rows:
                p.copy_(torch.from_numpy(value))
                self.optimizer.state[p] = {
                    "step": torch.tensor(float(self.steps)),
                    "exp_avg": torch.from_numpy(first.copy()),
                    "exp_avg_sq": torch.from_numpy(second.copy()),
                }

    def act(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw actions (n, ...) for observations (n, k) from torch's stream; return them, values (n, 1), log-probabilities (n,)."""
        output, values = self.actor.forward(observations)[-1], self.critic.forward(observations)[-1]
        if self.discrete:
            log_p = _log_softmax(output)
            u = torch.rand(len(output), 1).numpy()
            actions = (np.exp(log_p).cumsum(1) < u).sum(1).clip(max=output.shape[1] - 1)
            return actions, values, log_p[np.arange(len(actions)), actions]
        noise = torch.randn(output.shape).numpy()
        log_prob = (-0.5 * noise * noise - self.log_std - HALF_LOG_2PI).sum(1)
        return output + noise * np.exp(self.log_std), values, log_prob

    def differentiate(self, batch: Minibatch, weights: Weights) -> dict[str, float]:
        """Fill ``gradient`` with that of PPO's loss on a minibatch; return what is worth logging."""
        n = len(batch.returns)
        hidden, seen = self.actor.forward(batch.observations), self.critic.forward(batch.observations)
        log_prob, entropy, slope_of_log_prob, slope_of_entropy = self._distribution(hidden[-1], batch.actions)
        log_ratio = log_prob - batch.old_log_prob
        ratio = np.exp(log_ratio)
        clipped = np.minimum(np.maximum(ratio, 1 - weights.clip), 1 + weights.clip)
        gain, held = batch.advantages * ratio, batch.advantages * clipped
        slope = np.where(gain <= held, -gain / n, 0.0).astype(np.float32)[:, None]
        self.actor.backward(hidden, slope * slope_of_log_prob - (weights.ent / n) * slope_of_entropy)
        if not self.discrete:
            scaled = (batch.actions - hidden[-1]) * np.exp(-self.log_std)
            self.log_std_gradient[:] = (slope * (scaled * scaled - 1)).sum(0) - weights.ent
        error = seen[-1][:, 0] - batch.returns
        self.critic.backward(seen, (2 * weights.vf / n) * error[:, None])
        shown = {
            "policy_gradient_loss": -np.minimum(gain, held).mean(),
            "value_loss": np.dot(error, error) / n,
            "entropy_loss": -entropy.mean(),
            "approx_kl": (ratio - 1 - log_ratio).mean(),
            "clip_fraction": (np.abs(ratio - 1) > weights.clip).mean(),
        }
        shown["loss"] = (
            shown["policy_gradient_loss"]
            + weights.ent * shown["entropy_loss"]
            + weights.vf * shown["value_loss"]
        )
        return {name: float(value) for name, value in shown.items()}

    def _distribution(
        self, output: np.ndarray, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return log-probabilities and entropies (B,), and the slopes of both (B, m) in the actor's output."""
        if self.discrete:
            log_p = _log_softmax(output)
            p = np.exp(log_p)
            rows = np.arange(len(actions))
            entropy = -(p * log_p).sum(1)
            slope = -p
            slope[rows, actions] += 1
            return log_p[rows, actions], entropy, slope, -p * (log_p + entropy[:, None])
        inverse = np.exp(-self.log_std)
        scaled = (actions - output) * inverse
        entropy = np.full(len(output), (self.log_std + HALF_LOG_2PI + 0.5).sum(), np.float32)
        log_prob = (-0.5 * scaled * scaled - self.log_std - HALF_LOG_2PI).sum(1)
        return log_prob, entropy, scaled * inverse, np.zeros_like(output)

    def step(self, max_norm: float) -> None:
        """Clip the gradient to ``max_norm`` and take Adam's step.

        Raises:
            Diverged: the gradient is not finite; the parameters are still those before the step.
        """
        norm = float(np.sqrt(np.dot(self.gradient, self.gradient)))
        if not np.isfinite(norm):
            raise Diverged(f"the gradient's norm is {norm} after {self.steps} optimiser steps")
        if norm > max_norm:
            self.gradient *= max_norm / (norm + 1e-6)
        self.steps += 1
        one, two = self.betas
        self.first += (1 - one) * (self.gradient - self.first)
        self.second += (1 - two) * (self.gradient * self.gradient - self.second)
        rate = self.lr / (1 - one**self.steps)
        below = np.sqrt(self.second)
        below *= (1 - two**self.steps) ** -0.5
        below += self.eps
        self.parameters -= rate * self.first / below


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
