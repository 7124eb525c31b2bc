"""Data-regularised actor-critic: policy and value should not care where exactly the picture lies.

Raileanu et al., "Automatic data augmentation for generalization in deep reinforcement learning" (2020),
https://arxiv.org/abs/2006.12862; the random shift is that of Kostrikov et al., "Image augmentation is all you need"
(DrQ, 2020), https://arxiv.org/abs/2004.13649.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Index, Loss, Metrics
from rlsuite.techniques.baseline import Baseline

if TYPE_CHECKING:
    from stable_baselines3.common.policies import BasePolicy
    from torch import Tensor
    from torch.distributions import Categorical, Normal
    from torch.nn import Module


def random_shift(images: Tensor, padding: int) -> Tensor:
    """Move each of (B, C, H, W) by up to ``padding`` pixels in both directions; the border is repeated."""
    import torch
    from torch.nn import functional as F

    batch, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4, mode="replicate")
    down, right = torch.randint(2 * padding + 1, (2, batch, 1), device=images.device)
    rows = torch.arange(height, device=images.device) + down
    columns = torch.arange(width, device=images.device) + right
    samples = torch.arange(batch, device=images.device)[:, None, None]
    return padded.transpose(1, 3)[samples, columns[:, :, None], rows[:, None]].permute(0, 3, 2, 1)


class DrAC(Baseline):
    """Add ``weight * (KL(pi(s) | pi(f(s))) + (V(s) - V(f(s)))^2)`` to the loss, f a random shift of the pixels of s.

    pi(s) and V(s) are targets: no gradient flows through them. To train the surrogate itself on f(s) would spoil
    PPO's ratio. A Q-network has neither pi nor V; it learns from shifted batches instead (DrQ with plain targets).
    It acts and is evaluated on what it sees. For observations (C, H, W); pointless where a cell's place matters (boards).
    """

    reads: ClassVar[frozenset[str]] = frozenset({"map", "pixels"})

    def __init__(self, *, weight: Annotated[float, Gt(0)] = 0.1, padding: Annotated[int, Ge(1)] = 4) -> None:
        self.weight, self.padding = weight, padding
        self.policy: Any = None
        self.seen: Tensor | None = None

    def attach(self, policy: BasePolicy) -> None:
        """Watch what enters the features extractor, or shift it.

        Raises:
            UserError: If observations are no images.
        """
        if len(policy.observation_space.shape) != 3:
            raise UserError(
                f"technique=drac shifts images (channels, height, width), not {policy.observation_space}"
            )
        from sb3_contrib.qrdqn.policies import QRDQNPolicy
        from stable_baselines3.common.policies import ActorCriticPolicy

        if isinstance(policy, ActorCriticPolicy):
            self.policy = policy
            policy.features_extractor.register_forward_pre_hook(self._note)
        else:
            online = policy.quantile_net if isinstance(policy, QRDQNPolicy) else policy.q_net
            online.features_extractor.register_forward_pre_hook(self._shift)

    def backward(self, loss: Loss, domains: Tensor, parameters: Sequence[Tensor]) -> Metrics:
        """Back-propagate the regularised mean loss of all samples."""
        return super().backward(self.extend(loss), domains, parameters)

    def extend(self, loss: Loss) -> Loss:
        """Return the loss with the regularisation of the same samples."""
        if self.policy is None:
            return loss

        def extended(index: Index) -> tuple[Tensor, Metrics]:
            value, metrics = loss(index)
            assert self.seen is not None
            return value + self.weight * self._distance(self.seen), metrics

        return extended

    def _distance(self, images: Tensor) -> Tensor:
        """Return the mean distance of policy and value between ``images`` and their shifted copies."""
        import torch
        from torch.nn import functional as F

        shifted = self._heads(random_shift(images, self.padding))
        distribution, values = self._heads(images)
        between = torch.distributions.kl_divergence(_held(distribution), shifted[0])
        between = between.reshape(len(images), -1).sum(1)  # independent dimensions of a continuous action
        return between.mean() + F.mse_loss(shifted[1], values.detach())

    def _heads(self, images: Tensor) -> tuple[Categorical | Normal, Tensor]:
        """Return the action distribution and the values of preprocessed images."""
        latent_pi, latent_vf = self.policy.mlp_extractor(self.policy.features_extractor(images))
        distribution = self.policy._get_action_dist_from_latent(latent_pi).distribution
        return distribution, self.policy.value_net(latent_vf)

    def _note(self, module: Module, inputs: tuple[Tensor, ...]) -> None:
        self.seen = inputs[0]

    def _shift(self, module: Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (random_shift(inputs[0], self.padding),) if module.training else None


def _held(distribution: Categorical | Normal) -> Categorical | Normal:
    """Return the same distribution, through which no gradient flows."""
    from torch.distributions import Categorical, Normal

    if isinstance(distribution, Categorical):
        return Categorical(logits=distribution.logits.detach())
    return Normal(distribution.loc.detach(), distribution.scale.detach())
