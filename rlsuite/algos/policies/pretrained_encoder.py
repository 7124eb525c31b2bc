"""Policies on a picture encoder: where its weights come from, whose loss changes them, and how fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from torch import nn

from rlsuite.algos.policies.settings import EncoderSettings, Finetune, ValueOutput
from rlsuite.representation import Encoder, EncoderConfig, load_encoder

SCRATCH = "scratch"


class EncodedPicture(BaseFeaturesExtractor):
    """Pictures (B, C, H, W) of 0-255 -> (B, n + C - 1): the first channel through the encoder, n features.

    Each further channel holds one number, such as the time that is over, which is appended as a share of 255.
    """

    def __init__(self, observation_space: gym.spaces.Box, config: Mapping[str, Any]) -> None:
        # upstream's initialisation wants the usual layout; ``EncoderPolicy`` goes back to that of the encoder
        encoder = Encoder(EncoderConfig(**config)).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        super().__init__(observation_space, encoder.features_dim + observation_space.shape[0] - 1)
        self.encoder = encoder

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Map pictures to features."""
        shares = observations / 255
        return torch.cat([self.encoder(shares[:, :1]), shares[:, 1:, 0, 0]], dim=1)


class Halves(MlpExtractor):
    """SB3's actor and critic layers; features reach those in ``stopped`` without a way back for their gradient."""

    def __init__(self, *args: object, stopped: Iterable[str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.stopped = frozenset(stopped)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, n) to the actor's latent code."""
        return super().forward_actor(features.detach() if "actor" in self.stopped else features)

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, n) to the critic's latent code."""
        return super().forward_critic(features.detach() if "critic" in self.stopped else features)


class Exponential(nn.Module):
    """x -> exp(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map any shape to the same."""
        return x.exp()


class EncoderPolicy(ActorCriticPolicy):
    """SB3's actor-critic policy whose features extractor learns at a rate of its own, from the losses it should.

    Args:
        finetune: Whose loss changes the features extractor.
        encoder_rate: Its learning rate, as a multiple of that of the heads.
        value_output: ``exp`` for values that are positive by construction.
    """

    value_net: nn.Module

    def __init__(
        self,
        *args: object,
        finetune: Finetune = "both",
        encoder_rate: float = 1.0,
        value_output: ValueOutput = "linear",
        **kwargs: object,
    ) -> None:
        self.finetune = finetune
        self.encoder_rate, self.value_output = encoder_rate, value_output
        super().__init__(*args, **kwargs)

    def extractors(self) -> dict[str, nn.Module]:
        """Return the features extractors by who reads them; one for both where it is shared."""
        if self.share_features_extractor:
            return {"both": self.features_extractor}
        return {"actor": self.pi_features_extractor, "critic": self.vf_features_extractor}

    def _build_mlp_extractor(self) -> None:
        stopped = {"actor", "critic"} - ({"actor", "critic"} if self.finetune == "both" else {self.finetune})
        self.mlp_extractor = Halves(
            self.features_dim,
            net_arch=self.net_arch,
            activation_fn=self.activation_fn,
            device=self.device,
            stopped=stopped,
        )

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        for reader, extractor in self.extractors().items():
            learns = self.finetune != "none" and (reader == "both" or self.finetune in ("both", reader))
            extractor.to(memory_format=torch.channels_last).requires_grad_(learns)  # type: ignore[call-overload]
        if self.value_output == "exp":
            self.value_net = nn.Sequential(self.value_net, Exponential())
        self.optimizer = self.optimizer_class(self._groups(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def _groups(self) -> list[dict[str, Any]]:
        """Return the optimizer's groups: the heads, and what reads the picture; ``rate`` multiplies the learning rate."""
        slow = [p for extractor in self.extractors().values() for p in extractor.parameters()]
        names = {id(p) for p in slow}
        heads = [p for p in self.parameters() if id(p) not in names]
        groups = [{"params": heads, "rate": 1.0}, {"params": slow, "rate": self.encoder_rate}]
        return [group for group in groups if group["params"]]


def with_encoder(
    policy: type[BasePolicy], arguments: dict[str, Any], encoder: EncoderSettings
) -> tuple[type[BasePolicy], dict[str, Any]]:
    """Return the policy class and its arguments with what is asked for; both as they were where nothing is.

    Raises:
        ValueError: If a policy that masks, or whose actions fill a unit box, is asked for any of it.
    """
    if encoder == EncoderSettings():
        return policy, arguments
    if policy is not ActorCriticPolicy:
        raise ValueError(f"the settings of algo.encoder do not go with {policy.__name__}")
    if encoder.name is not None:
        arguments = {
            **arguments,
            "features_extractor_class": EncodedPicture,
            "normalize_images": False,
            "features_extractor_kwargs": {"config": dataclasses.asdict(pretrained(encoder.name).config)},
        }
    asked = {
        "finetune": encoder.finetune,
        "encoder_rate": encoder.rate,
        "value_output": encoder.value_output,
    }
    return EncoderPolicy, {**arguments, **asked, "share_features_extractor": encoder.share}


def pretrained(encoder: str) -> Encoder:
    """Return the encoder of a file or preset; a fresh one for ``scratch``."""
    return Encoder() if encoder == SCRATCH else load_encoder(encoder)


def take_weights(policy: BasePolicy, encoder: str | None) -> None:
    """Give the policy's features extractors the weights that ``encoder`` names; upstream has just initialised them."""
    if encoder not in (None, SCRATCH):
        weights = pretrained(encoder).state_dict()
        for extractor in policy.extractors().values():
            extractor.encoder.load_state_dict(weights)
