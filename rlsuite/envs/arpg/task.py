"""ARPGTask as a task: choose, step by step, how many tokens of an image to decode in parallel, and where.

One step is one pass of the generator, which itself never learns; all envs, each as far as it is, are advanced by one batched
call. Li et al., "Autoregressive image generation with randomized parallel decoding" (2025), https://arxiv.org/abs/2503.10568.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Gt

from rlsuite.core.errors import UserError, complaint
from rlsuite.core.interfaces import NO_USE, ActionKind, Agent, ObservationKind, Reward, Task, Use
from rlsuite.envs.arpg.actions import DecodingRules
from rlsuite.envs.arpg.vec_env import ARPGAction, ARPGVecEnv, Draws
from rlsuite.envs.common.classes import Classifier
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.schedules import SCHEDULES, schedule


class ARPGTask(Task):
    """Decode an image's tokens in few steps that lose nothing.

    Args:
        reward: what a step is worth; the env's own is 1 at the end of an episode whose image shows the class asked for.
        generator: the frozen generator; all vector envs of a task share its weights.
        classifier: finds the class of an image, for ``recognised``; None: not found.
        action: the number of tokens; or also a ranking of the positions, of which the first unknown ones are decoded
            (otherwise each env has a random order of its own); or also the guidance weight of the step.
        max_parallel: most tokens of a step.
        guidances: what ``count+cfg`` may multiply the level's guidance weight with.
        unseen_classes: classes that level 0 never generates and level 1 alone does.
        lookahead: show how sure the generator is of every position still unknown, which costs the second pass over all of them
            at each step; otherwise of those decoded, when they were.
        hand_schedule: the hand-made schedule that a learner starts from.
        hand_steps: its number of steps.
        hand_spread: how far the counts that a learner draws at first lie from it, on a logarithmic scale.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"finished image", "repeatable start"})
    progress_metric: ClassVar[str] = "recognised"

    def __init__(
        self,
        *,
        reward: Reward,
        generator: RandomOrder,
        classifier: Classifier | None = None,
        action: ARPGAction = "count",
        max_parallel: Annotated[int, Gt(0)] = 32,
        guidances: Sequence[float] = (0.5, 1.0, 1.5),
        unseen_classes: Sequence[int] = (7, 8, 9),
        lookahead: bool = True,
        hand_schedule: Literal["arccos", "cosine", "uniform", "front", "back"] = "cosine",
        hand_steps: Annotated[int, Gt(0)] = 8,
        hand_spread: Annotated[float, Gt(0)] = 0.25,
    ) -> None:
        if not hasattr(generator, "positions"):
            raise UserError(
                "env.generator must decode tokens in any order, which this one does not; take env/generator=arpg_digits"
            )
        self.classes = Draws(generator.num_classes, unseen_classes)
        if len(set(guidances)) != len(guidances) or not guidances or min(guidances) < 0:
            raise UserError(f"env.guidances must be different numbers from 0 on, not {list(guidances)}")
        self.reward, self.generator, self.classifier, self.action = reward, generator, classifier, action
        self.max_parallel = min(max_parallel, generator.positions)
        self.guidances = tuple(guidances) if action == "count+cfg" else (1.0,)
        self.lookahead, self.hand_schedule = lookahead, hand_schedule
        self.hand_steps = min(hand_steps, generator.positions)
        ranks, counts = action == "count+positions", tuple(self.hand_counts())
        choices = DecodingRules(self.max_parallel, self.guidances, ranks, counts, hand_spread)
        self.legal_actions, self.prior = choices.legal, choices.prior

    def to(self, device: str | torch.device) -> None:
        """Compute on ``device``: the generator and the classifier, which cost far more than the policy."""
        self.generator.to(device)
        if isinstance(self.classifier, torch.nn.Module):
            self.classifier.to(device)

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """Tell whether positions are ranked too."""
        return "ranking" if config.get("action") == "count+positions" else "discrete"

    @staticmethod
    def observation_kind(**config: Any) -> ObservationKind:
        """Planes over the grid of tokens."""
        return "map"

    @staticmethod
    def problems(use: Use = NO_USE, /, **settings: Any) -> Iterator[str]:
        """Say what the generator, outlined, cannot serve."""
        if not isinstance(settings["generator"], Mapping):
            yield from complaint(lambda: ARPGTask(**{**settings, "reward": None, "classifier": None}))

    def hand_counts(self, name: str | None = None, steps: int | None = None) -> list[int]:
        """Return the tokens of each step of a hand-made schedule, by default the task's own."""
        return schedule(name or self.hand_schedule, self.generator.positions, steps or self.hand_steps)

    def schedules(self) -> dict[str, list[float]]:
        """Open-loop schedules a learner should beat: hand-made ones with as many steps as the task's own."""
        if self.action == "count+positions":
            return {}  # an open loop knows no positions
        plain = int(np.abs(np.subtract(self.guidances, 1.0)).argmin())
        found = {}
        for name in SCHEDULES:
            counts = self.hand_counts(name)
            if max(counts) <= self.max_parallel:
                found[f"{name} {len(counts)}"] = [
                    float((n - 1) * len(self.guidances) + plain) for n in counts
                ]
        return found

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> ARPGVecEnv:
        """Build the envs; the generator's weights are shared by all of a task's vector envs."""
        env = ARPGVecEnv(self, levels, n_envs)
        env.seed(seed)
        return env

    def watch(self, agent: Agent, n: int, level: float = 0.0, seed: int = 0) -> np.ndarray:
        """Let the greedy policy generate ``n`` images.

        Returns:
            (n, steps, 2, C, H, W) in [0, 1]: after each step the image and the map of its known tokens. An image that is
            complete before the others stays as it is.
        """
        env = self.vec_env([level], n, seed)
        observation, state = env.reset(), None
        rows: list[np.ndarray] = []
        while not env.state.done:
            actions, state = agent.predict(observation, state, np.full(n, not rows), deterministic=True)
            env._advance(actions)  # not step_wait: the finished images would be gone
            observation = env._observe()
            images = self.generator.decode(env.state).cpu().numpy()
            known = observation[:, :1].repeat(images.shape[-1] // observation.shape[-1], axis=2)
            known = known.repeat(images.shape[-1] // observation.shape[-1], axis=3)
            rows.append(np.stack([images, np.broadcast_to(known, images.shape)], axis=1))
        return np.stack(rows, axis=1)

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Draw eight images, each as the strip of its steps: the image so far above its known tokens."""
        return {"decoding": strips(self.watch(agent, 8))}


def strips(images: np.ndarray, border: int = 2, zoom: int = 2) -> np.ndarray:
    """Lay out images (n, steps, rows, C, H, W) in [0, 1] as an (height, width, 3) uint8 picture, one below the other."""
    n, steps, rows, channels, height, width = images.shape
    flat = images.transpose(0, 2, 4, 1, 5, 3).reshape(n, rows * height, steps * width, channels)
    framed = np.pad(flat, ((0, 0), (border, border), (border, border), (0, 0)), constant_values=1.0)
    picture = framed.reshape(-1, framed.shape[2], channels).repeat(zoom, axis=0).repeat(zoom, axis=1)
    return (np.broadcast_to(picture, (*picture.shape[:2], 3)) * 255).round().clip(0, 255).astype(np.uint8)
