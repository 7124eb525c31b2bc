"""The envs of ``env=arpg``: images as far as they are, each with a count and positions of its own, by one call a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium import spaces

from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Reward, Transition, Tree
from rlsuite.envs.common.classes import Classifier, split_classes
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.state import RandomOrderState

POOLED = 8  # numbers that the pooled features are averaged to
ARPGAction = Literal["count", "count+positions", "count+cfg"]


@dataclass(frozen=True)
class ARPGLevel:
    """What a variation level means: share of images of unseen classes, and guidance weight."""

    unseen: float
    cfg: float

    @classmethod
    def at(cls, level: float) -> ARPGLevel:
        """Interpolate: unseen classes 0 -> 1, classifier-free guidance 2.5 -> 5."""
        return cls(level, 2.5 + 2.5 * level)


class Draws:
    """Which class an episode is about.

    Raises:
        UserError: an unseen class that is none, or no class left to be seen.
    """

    def __init__(self, n_classes: int, unseen: Sequence[int]) -> None:
        self.n_classes = n_classes
        self.seen, self.unseen = split_classes(n_classes, unseen)

    def check(self, label: Any) -> int:
        """Return a class asked for.

        Raises:
            UserError: it is none.
        """
        if not isinstance(label, int | np.integer) or not 0 <= label < self.n_classes:
            raise UserError(f"unknown class {label!r}: the generator's classes are 0 to {self.n_classes - 1}")
        return int(label)

    def draw(self, rng: np.random.Generator, share_unseen: float) -> int:
        """Draw a class from those of one kind."""
        pool = self.unseen if rng.random() < share_unseen and len(self.unseen) else self.seen
        return int(rng.choice(pool))


class ARPGSetup(Protocol):
    """What the envs read of their task; see ``ARPGTask``."""

    generator: RandomOrder
    reward: Reward
    classifier: Classifier | None
    classes: Draws
    action: ARPGAction
    max_parallel: int
    guidances: tuple[float, ...]
    lookahead: bool


class ARPGVecEnv(BatchedVecEnv):
    """Envs that generate one image an episode each; an env whose image is complete begins the next.

    Observation (planes, S, S) float32 over the grid of tokens: known; rank in the env's random order over N; probability of
    the likeliest code and entropy (see ``RandomOrderState.certainty``); step / N and remaining / N; ``POOLED`` planes of the
    first pass's mean features; and the codes of the known tokens. An episode is a function of its env's seed: class, order,
    and one random number for each position's token.
    """

    state_arrays: ClassVar[tuple[str, ...]] = ("labels",)
    rests: ClassVar[bool] = True
    state: RandomOrderState

    def __init__(self, task: ARPGSetup, levels: Sequence[float], n_envs: int) -> None:
        self.task, self.generator, self.reward = task, task.generator, task.reward
        side, n = self.generator.side, self.generator.positions
        self.shape = (6 + POOLED + self.generator.vq.config.codebook_embed_dim, side, side)
        observations = spaces.Box(-np.inf, np.inf, self.shape, np.float32)
        actions: spaces.Space = spaces.Discrete(task.max_parallel * len(task.guidances))
        if task.action == "count+positions":
            actions = spaces.MultiDiscrete([task.max_parallel] + [n] * n)
        super().__init__(levels, n_envs, observations, actions)
        self.labels = np.zeros(n_envs, dtype=np.int64)
        self._fixed: dict[int, int] = {}

    def _use_options(self, env: int, options: Mapping[str, Any]) -> None:
        super()._use_options(env, options)
        if "class" in options:
            self._fixed[env] = self.task.classes.check(options["class"])

    def _start(self, envs: np.ndarray) -> None:
        levels = [ARPGLevel.at(float(v)) for v in self.env_levels[envs]]
        streams = [self.rngs[env] for env in envs]
        self.labels[envs] = [
            self.task.classes.draw(rng, v.unseen) for rng, v in zip(streams, levels, strict=True)
        ]
        seeds = [int(rng.integers(2**31)) for rng in streams]
        for env, label in self._fixed.items():
            self.labels[env] = label
        self._fixed = {}
        cfg = torch.tensor([v.cfg for v in levels])
        fresh = self._looked(self.generator.begin(self.labels[envs], seeds, cfg))
        everyone = len(envs) == self.num_envs
        self.state = fresh if everyone else self.state.with_envs(envs.tolist(), fresh)

    def _looked(self, state: RandomOrderState) -> RandomOrderState:
        return self.generator.look(state) if self.task.lookahead else state

    def choices(self, actions: np.ndarray) -> tuple[np.ndarray, torch.Tensor | None, torch.Tensor | None]:
        """Turn actions into counts (n,), at most what remains; positions (n, N) in order; guidance weights (n,)."""
        remaining = np.array(self.state.remaining)
        if self.task.action == "count+positions":
            known = (self.state.tokens >= 0).cpu()
            ranking = torch.as_tensor(actions[:, 1:], dtype=torch.int64)
            behind = known.gather(1, ranking).long().argsort(dim=1, stable=True)  # known ones go to the end
            return np.minimum(actions[:, 0] + 1, remaining), ranking.gather(1, behind), None
        count, which = np.divmod(actions.reshape(-1), len(self.task.guidances))
        factors = torch.tensor(self.task.guidances)[torch.as_tensor(which)].to(self.state.cfg.device)
        return np.minimum(count + 1, remaining), None, self.state.cfg * factors

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        counts, positions, cfg = self.choices(np.asarray(actions, dtype=np.int64))
        self.state = self._looked(self.generator.step(self.state, torch.as_tensor(counts), positions, cfg))
        last = (np.array(self.state.remaining) == 0) & (counts > 0)  # not envs that rest
        info = self._measure(last)
        transition = Transition(np.nan_to_num(info["recognised"]), last, info)
        rewards = self.reward(transition)
        self._ended = {
            "steps": info["steps"],
            "recognised": info["recognised"],
            **self.reward.terms(transition),
        }
        shown = {"count": counts, "steps": info["steps"], "reward": rewards}
        return rewards, last, np.zeros_like(last), shown

    @torch.no_grad()
    def _measure(self, last: np.ndarray) -> dict[str, np.ndarray]:
        """Collect what rewards read; only images that are complete are decoded and rewarded."""
        n, ended = self.num_envs, np.flatnonzero(last)
        done = self.generator.decode(self.state.tokens[torch.as_tensor(ended)]).cpu()
        images = np.zeros((n, *done.shape[1:]), dtype=np.float32)
        images[ended] = done.numpy()
        recognised = np.full(n, np.nan)
        if self.task.classifier is not None and len(ended):
            said = self.task.classifier(done.to(self.generator.device) * 2 - 1).argmax(dim=1).cpu().numpy()
            recognised[ended] = said == self.labels[ended]
        steps = self.state.steps.cpu().numpy()
        return {
            "last": last,
            "images": images,
            "labels": self.labels,
            "steps": steps,
            "recognised": recognised,
        }

    def _episode_info(self, env: int) -> dict[str, Any]:
        metrics = {k: float(v[env]) for k, v in self._ended.items() if np.isfinite(v[env])}
        metrics |= {"class": float(self.labels[env])}
        return {"metrics": metrics, "is_success": bool(metrics.get("recognised", 1.0))}

    def _observe(self) -> np.ndarray:
        state, n, side = self.state, self.generator.positions, self.generator.side
        rank = state.order.argsort(dim=1).float() / n
        maps = torch.cat(((state.tokens >= 0)[..., None].float(), rank[..., None], state.certainty), -1)
        left = torch.tensor(state.remaining, device=rank.device, dtype=torch.float32)
        pooled = F.adaptive_avg_pool1d(state.pooled[:, None], POOLED)[:, 0]
        flat = torch.cat((torch.stack((state.steps.float(), left), 1) / n, pooled), 1)
        planes = (
            maps.transpose(1, 2).unflatten(2, (side, side)),
            flat[:, :, None, None].expand(-1, -1, side, side),
            self.generator.vq.codes(state.tokens, side),
        )
        return torch.cat(planes, 1).cpu().numpy()

    def get_state(self) -> Tree:
        """Return the episodes, with the generator's state as tensors."""
        return {**super().get_state(), "generator": self.state.to_tree()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.state = RandomOrderState.from_tree(state["generator"], self.generator.device)
