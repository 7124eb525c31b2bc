"""What the networks of a learner are like: the yaml nodes ``network`` and ``encoder``, shared by the algorithms that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt

from rlsuite.core.sections import Section
from rlsuite.networks.pixels import NetworkPrecision

NetworkName = Literal["auto", "mlp", "cnn", "nature", "impoola", "impoola_small", "small"]
"""``cnn`` is for boards and feature maps, the last four for pictures; ``auto`` takes ``cnn``, ``nature`` or ``mlp``."""
ObservationScale = list[Annotated[float, Gt(0)]] | None
"""What vector observations are divided by: one number for each, or a single one for all."""
Finetune = Literal["both", "actor", "critic", "none"]
"""Whose loss changes the encoder; with ``none`` it stays as it is, bit for bit."""
ValueOutput = Literal["linear", "exp"]
"""What comes out of the critic's last layer, or its exponential: values are then always positive."""
PICTURES = ("nature", "impoola", "impoola_small", "small")
READS: Mapping[str, frozenset[str]] = {
    "network.name=cnn": frozenset({"map", "pixels"}),
    **{f"network.name={name}": frozenset({"pixels"}) for name in PICTURES},
    "network.observation_scale": frozenset({"vector"}),
    "encoder.name": frozenset({"pixels"}),
}
"""The kinds of observations that settings can read; all kinds where a setting is not here."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(Section):
    """The network of a policy, and how it is computed.

    Attributes:
        name: which network reads the observations.
        features_dim: features that a network for maps or pictures makes.
        net_arch: hidden layers after it; None: Stable-Baselines3's.
        observation_scale: what vector observations are divided by.
        precision: of the networks for pictures.
        cudnn_deterministic: on CUDA, take only algorithms that repeat bit for bit.
    """

    main: ClassVar[str | None] = "name"

    name: NetworkName = "auto"
    features_dim: Annotated[int, Gt(0)] = 256
    net_arch: list[int] | None = None
    observation_scale: ObservationScale = None
    precision: NetworkPrecision = "float32"
    cudnn_deterministic: bool = True


@dataclass(frozen=True, kw_only=True)
class QNetworkSettings(NetworkSettings):
    """A network of action values.

    Attributes:
        mask_actions: never take an illegal action, where the env tells which are legal.
        compile: ``torch.compile`` the layers: slow to start, faster on large networks; other rounding, so another run.
    """

    mask_actions: bool = True
    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class GaussianNetworkSettings(NetworkSettings):
    """A network of action probabilities; ``log_std_init`` is the logarithm that Gaussian actions' deviation begins at."""

    log_std_init: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CompiledNetworkSettings(GaussianNetworkSettings):
    """The same, with layers that may be compiled (see ``QNetworkSettings``)."""

    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class ActorCriticNetworkSettings(CompiledNetworkSettings):
    """The networks of an actor and a critic that may mask (see ``QNetworkSettings``)."""

    mask_actions: bool = True


@dataclass(frozen=True, kw_only=True)
class PPONetworkSettings(ActorCriticNetworkSettings):
    """PPO's networks.

    Attributes:
        fast: vectors with the gradient written out in numpy, pictures in bfloat16: other rounding, the same curves.
    """

    fast: bool = False


@dataclass(frozen=True, kw_only=True)
class EncoderSettings(Section):
    """A pretrained encoder of pictures before the heads, and how what stands there learns.

    Attributes:
        name: ``scratch``, a preset, or a file of ``rlsuite.pretrain model=sprites_encoder``; None: ``network`` reads pictures.
        finetune: whose loss changes it.
        share: False: actor and critic have one each.
        rate: its learning rate, as a multiple of that of the heads.
        value_output: what comes out of the critic.
    """

    main: ClassVar[str | None] = "name"

    name: str | None = None
    finetune: Finetune = "both"
    share: bool = True
    rate: Annotated[float, Gt(0)] = 1.0
    value_output: ValueOutput = "linear"
