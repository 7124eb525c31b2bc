"""Which SB3 policy fits a pair of spaces."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Gt
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy

from rlsuite.algos.policies.masking import LegalActions, MaskedActorCriticPolicy, mask_arguments
from rlsuite.core.interfaces import Task
from rlsuite.core.spaces import is_picture
from rlsuite.networks.cnn import SpatialCNN
from rlsuite.networks.decoding import DecodingPolicy
from rlsuite.networks.pixels import Impoola, ImpoolaSmall, NatureCNN, NetworkPrecision, SmallCNN
from rlsuite.networks.scaled import Scaled
from rlsuite.networks.unit_box import UnitBoxPolicy

Network = Literal["auto", "mlp", "cnn", "nature", "impoola", "impoola_small", "small"]
"""``cnn`` is for boards and feature maps, the last four for pictures; ``auto`` takes ``cnn``, ``nature`` or ``mlp``."""
PIXELS = {"nature": NatureCNN, "impoola": Impoola, "impoola_small": ImpoolaSmall, "small": SmallCNN}
READS: dict[str, frozenset[str]] = {
    "network=cnn": frozenset({"map", "pixels"}),
    **{f"network={name}": frozenset({"pixels"}) for name in PIXELS},
    "observation_scale": frozenset({"vector"}),
    "encoder": frozenset({"pixels"}),
}
"""The kinds of observations that settings can read; all kinds where a setting is not here."""
ObservationScale = list[Annotated[float, Gt(0)]] | None
"""What vector observations are divided by: one number for each, or a single one for all."""


def policy_arguments(
    observation_space: spaces.Space,
    network: Network,
    features_dim: int,
    net_arch: list[int] | None,
    log_std_init: float = 0.0,
    legal_actions: LegalActions | None = None,
    observation_scale: ObservationScale = None,
    precision: NetworkPrecision = "float32",
    zero_head: bool = False,
) -> dict[str, Any]:
    """Return SB3's ``policy_kwargs``; empty where upstream's defaults apply, so that runs equal upstream's.

    Raises:
        ValueError: If a CNN is asked for where observations are no maps, or a scale where they are.
    """
    is_map = isinstance(observation_space, spaces.Box) and len(observation_space.shape) == 3
    if network not in ("auto", "mlp") and not is_map:
        raise ValueError(
            f"network={network} needs (channels, height, width) observations, not {observation_space}"
        )
    if network == "auto":
        network = (
            "mlp" if not is_map else "nature" if is_picture(observation_space, channels_first=True) else "cnn"
        )
    arguments: dict[str, Any] = mask_arguments(legal_actions)
    if observation_scale is not None:
        if network != "mlp":
            raise ValueError(f"observation_scale is for vectors, not for maps such as {observation_space}")
        arguments["features_extractor_class"] = Scaled
        arguments["features_extractor_kwargs"] = {"scale": list(observation_scale)}
    if zero_head:
        arguments["zero_head"] = True
    if net_arch is not None:
        arguments["net_arch"] = net_arch
    if log_std_init:
        arguments["log_std_init"] = log_std_init
    if network != "mlp":
        extra = {"precision": precision} if network in PIXELS else {}
        arguments["features_extractor_class"] = PIXELS.get(network, SpatialCNN)
        arguments["features_extractor_kwargs"] = {"features_dim": features_dim, **extra}
        arguments["normalize_images"] = False
    return arguments


def actor_critic_class(
    action_space: spaces.Space, legal_actions: LegalActions | None = None
) -> type[BasePolicy]:
    """Return a policy that masks, or whose actions stay strictly inside a unit box; else upstream's."""
    if legal_actions is not None:
        return MaskedActorCriticPolicy
    unit = (
        isinstance(action_space, spaces.Box)
        and (action_space.low == 0).all()
        and (action_space.high == 1).all()
    )
    return UnitBoxPolicy if unit else ActorCriticPolicy


def decoding_policy(task: Task, temperature: float) -> tuple[type[BasePolicy], dict[str, Any]]:
    """Return the policy, and its arguments, of a task that has a ``prior`` to begin with."""
    functions = {"prior": task.prior, "legal_actions": task.legal_actions}
    return DecodingPolicy, {**functions, "temperature": temperature}
