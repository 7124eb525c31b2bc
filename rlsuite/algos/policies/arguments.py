"""Which SB3 policy fits a pair of spaces."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy

from rlsuite.algos.policies.masking import LegalActions, MaskedActorCriticPolicy, mask_arguments
from rlsuite.algos.policies.settings import GaussianNetworkSettings, NetworkName, NetworkSettings
from rlsuite.core.interfaces import Task
from rlsuite.core.spaces import is_picture
from rlsuite.networks.cnn import SpatialCNN
from rlsuite.networks.decoding import DecodingPolicy
from rlsuite.networks.pixels import Impoola, ImpoolaSmall, NatureCNN, SmallCNN
from rlsuite.networks.scaled import Scaled
from rlsuite.networks.unit_box import UnitBoxPolicy

PIXELS = {"nature": NatureCNN, "impoola": Impoola, "impoola_small": ImpoolaSmall, "small": SmallCNN}


def policy_arguments(
    observation_space: spaces.Space,
    network: NetworkSettings,
    legal_actions: LegalActions | None = None,
    zero_head: bool = False,
) -> dict[str, Any]:
    """Return SB3's ``policy_kwargs``; empty where upstream's defaults apply, so that runs equal upstream's.

    Raises:
        ValueError: If a CNN is asked for where observations are no maps, or a scale where they are.
    """
    name = network_name(observation_space, network.name)
    arguments: dict[str, Any] = mask_arguments(legal_actions)
    if network.observation_scale is not None:
        if name != "mlp":
            raise ValueError(f"observation_scale is for vectors, not for maps such as {observation_space}")
        arguments["features_extractor_class"] = Scaled
        arguments["features_extractor_kwargs"] = {"scale": list(network.observation_scale)}
    if zero_head:
        arguments["zero_head"] = True
    if network.net_arch is not None:
        arguments["net_arch"] = network.net_arch
    if isinstance(network, GaussianNetworkSettings) and network.log_std_init:
        arguments["log_std_init"] = network.log_std_init
    if name != "mlp":
        extra = {"precision": network.precision} if name in PIXELS else {}
        arguments["features_extractor_class"] = PIXELS.get(name, SpatialCNN)
        arguments["features_extractor_kwargs"] = {"features_dim": network.features_dim, **extra}
        arguments["normalize_images"] = False
    return arguments


def network_name(space: spaces.Space, name: NetworkName) -> str:
    """Return which network ``auto`` stands for.

    Raises:
        ValueError: If a CNN is asked for where observations are no maps.
    """
    is_map = isinstance(space, spaces.Box) and len(space.shape) == 3
    if name not in ("auto", "mlp") and not is_map:
        raise ValueError(f"network={name} needs (channels, height, width) observations, not {space}")
    if name != "auto":
        return name
    if not is_map:
        return "mlp"
    return "nature" if is_picture(space, channels_first=True) else "cnn"


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
