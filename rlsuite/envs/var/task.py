"""FastVAR as a task: choose, scale by scale, how many tokens of a next-scale image generator to prune.

One step is one scale. All envs are advanced by one batched model call; the generator itself never learns.
Guo et al., "FastVAR: Linear visual autoregressive modeling via cached token pruning" (2025),
https://arxiv.org/abs/2503.23367; Tian et al., "Visual autoregressive modeling" (2024), https://arxiv.org/abs/2404.02905.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le

from rlsuite.core.errors import UserError, complaint
from rlsuite.core.interfaces import NO_USE, ActionKind, Agent, ObservationKind, Reward, Task, Use
from rlsuite.envs.common.classes import Classifier
from rlsuite.envs.common.reference_images import ConditionPool, ReferenceImages
from rlsuite.envs.var.actions import CATEGORIES, Actions
from rlsuite.envs.var.vec_env import VARVecEnv
from rlsuite.generators.next_scale.stepper import Stepper
from rlsuite.generators.scorers.measures import NEEDS, Measures


class VARTask(Task):
    """Prune a next-scale generator: fewer FLOPs, the same picture.

    Args:
        reward: what a step is worth.
        generator: the frozen generator; all vector envs of a task share its weights.
        classifier: finds the class of an image, for ``recognised``; None: not found.
        lpips: distances of two batches of images, for the measure ``lpips``.
        scorer: how well images show their classes, ``score(images, labels)``, for the measure ``clip``.
        action: a ratio in [0, 1], one of ``CATEGORIES``, or a residual on the generator's fixed schedule (see ``Actions``).
        sampling: decide also on guidance, temperature and the unconditional half; not with ``categorical``.
        blind: show the index of the scale alone: a control that can learn no more than a schedule.
        guidance: guidance weight of level 0 and of level 1.
        judged: when pictures are decoded and rewarded: after every scale, or the finished ones alone, at a fraction of the
            cost. Returns of rewards that add up over steps (``gated``, ``multi``) are the same.
        images_per_episode: images one after the other in an episode; its return is the sum of theirs.
        unseen_classes: classes that level 0 never generates and level 1 alone does.
        pool: number of different images a vector env draws from; their reference images are kept.
        resolution: side of the observed feature map; None: the latent's own.
        decide_from: side of the first scale that is decided on; None: the second scale. FastVAR prunes only after its
            cache scale, so up to it a decision can only be to skip.
        skip_above: ratios above it skip the scale, in training as in evaluation: a policy strictly inside (0, 1) could
            never say 1, and FLOPs jump there.
        reference_folder: where unpruned images are kept for all runs; None: in memory only.
        reference_gb: 10^9 bytes that this folder may hold.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"image", "repeatable start"})

    def __init__(
        self,
        *,
        reward: Reward,
        generator: Stepper,
        classifier: Classifier | None = None,
        lpips: Any = None,
        scorer: Any = None,
        action: Literal["ratio", "categorical", "residual"] = "ratio",
        sampling: bool = False,
        blind: bool = False,
        guidance: tuple[float, float] = (1.5, 4.0),
        judged: Literal["each", "last"] = "each",
        images_per_episode: Annotated[int, Gt(0)] = 1,
        unseen_classes: Sequence[int] = (7, 8, 9),
        pool: Annotated[int, Gt(0)] = 1024,
        resolution: Annotated[int, Gt(0)] | None = None,
        decide_from: Annotated[int, Gt(1)] | None = None,
        skip_above: Annotated[float, Ge(0), Le(1)] = 0.95,
        reference_folder: str | None = None,
        reference_gb: Annotated[float, Gt(0)] = 1.0,
    ) -> None:
        if not hasattr(generator, "sides"):
            raise UserError(
                "env.generator must make images scale by scale, which this one does not; take env/generator=var_digits"
            )
        sides = list(generator.sides)
        if decide_from is not None and decide_from not in sides[1:]:
            raise UserError(
                f"env.decide_from={decide_from} is no scale of this generator after the first: {sides[1:]}"
            )
        self.first_decision = sides.index(decide_from) if decide_from else 1
        self.hand_schedule = generator.fixed_schedule[self.first_decision :]
        self.n_decisions = generator.n_scales - self.first_decision
        self.actions = Actions(action, sampling, self.hand_schedule, skip_above)
        self.residual_actions, self.blind = action == "residual", blind
        self.reward, self.generator, self.classifier = reward, generator, classifier
        self.judged = judged
        self.guidance, self.images_per_episode = guidance, images_per_episode
        self.measures = Measures(classifier, lpips, scorer)
        self.measure = reward.measure
        if missing := self.measures.missing([self.measure]):
            raise UserError(f"reward.measure={missing[0]}")
        self.pool = ConditionPool(pool, generator.num_classes, unseen_classes)
        self.resolution = resolution or sides[-1]
        self.reference = ReferenceImages(generator, folder=reference_folder, limit_gb=reference_gb)

    def to(self, device: str | torch.device) -> None:
        """Compute on ``device``: the generator and the classifier, which cost far more than the policy."""
        self.generator.to(device)
        for model in self.measures.models.values():
            if isinstance(model, torch.nn.Module):
                model.to(device)

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Numbers in [0, 1], or one of ``CATEGORIES``."""
        return "discrete" if config.get("action") == "categorical" else "box"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """The generator's feature map."""
        return "map"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Yield what the measure of the reward needs and is not there, and what the generator, outlined, cannot serve."""
        measure = use.reward.get("measure", "psnr")
        model, what = NEEDS.get(str(measure), (None, ""))
        if model and not settings.get(model):
            yield f"reward.measure={measure} needs {what}"
        if not isinstance(settings["generator"], Mapping):  # outlined
            models = {"reward": Reward, "classifier": None, "lpips": None, "scorer": None}
            yield from complaint(lambda: VARTask(**{**settings, **models}))

    def schedules(self) -> dict[str, list]:
        """Open-loop schedules a learner should beat: FastVAR's fixed one, 11 constants (1 skips every scale)."""
        constant = CATEGORIES if self.actions.kind == "categorical" else [i / 10 for i in range(11)]
        n = self.n_decisions
        return {
            "fixed FastVAR": self.actions.of(self.hand_schedule),
            **{f"constant {ratio:g}": self.actions.of([ratio] * n) for ratio in constant},
        }

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> VARVecEnv:
        """Build the envs; the generator's weights and the reference images are shared by all of a task's vector envs."""
        env = VARVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env

    def watch(self, agent: Agent, n: int, level: float = 0.0, seed: int = 0) -> tuple[np.ndarray, VARVecEnv]:
        """Let the greedy policy generate ``n`` images.

        Returns:
            Images (n, decisions, 2, C, H, W) in [0, 1], unpruned then pruned at every scale decided on; and the envs
            as they stand at the end of the episode, with its history.
        """
        env = self.vec_env([level], n, seed)
        observation, state, rows = env.reset(), None, []
        for t in range(self.n_decisions):
            actions, state = agent.predict(observation, state, np.full(n, t == 0), deterministic=True)
            env._advance(actions)  # not step_wait: the finished images would be gone
            observation = env._observe()
            reference, images = env.pair
            rows.append(np.stack([reference, images.cpu().numpy()], axis=1))
        return np.stack(rows, axis=1), env

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Draw eight images, each as the strip of its scales: unpruned above pruned."""
        return {"golden_above_pruned": tile(self.watch(agent, 8)[0])}


def tile(images: np.ndarray, columns: int = 2, border: int = 2, zoom: int = 2) -> np.ndarray:
    """Lay out images (n, scales, 2, C, H, W) in [0, 1] as an (height, width, 3) uint8 picture.

    Each image is a strip of its scales, unpruned above pruned, framed by ``border`` white pixels.
    """
    n, scales, _, channels, height, width = images.shape
    strips = images.transpose(0, 2, 4, 1, 5, 3).reshape(n, 2 * height, scales * width, channels)
    framed = np.pad(strips, ((0, 0), (border, border), (border, border), (0, 0)), constant_values=1.0)
    rows = framed.reshape(n // columns, columns, *framed.shape[1:]).transpose(0, 2, 1, 3, 4)
    picture = (
        rows.reshape(rows.shape[0] * rows.shape[1], -1, channels).repeat(zoom, axis=0).repeat(zoom, axis=1)
    )
    return (np.broadcast_to(picture, (*picture.shape[:2], 3)) * 255).round().clip(0, 255).astype(np.uint8)
