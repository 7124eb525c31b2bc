"""FastVAR as a task: choose, scale by scale, how many tokens of a next-scale image generator to prune.

One step is one scale. All lanes are advanced by one batched model call; the generator itself never learns.
Guo et al., "FastVAR: Linear visual autoregressive modeling via cached token pruning" (2025),
https://arxiv.org/abs/2503.23367; Tian et al., "Visual autoregressive modeling" (2024), https://arxiv.org/abs/2404.02905.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from gymnasium import spaces

from rlsuite.contracts import ActionKind, Agent, Ge, Gt, Le, Reward, Transition, Tree, UserError
from rlsuite.envs.golden import BLOCK, ConditionPool, Conditions, GoldenImages, psnr
from rlsuite.envs.lanes import LaneVecEnv
from rlsuite.generators.fastvar import hand_schedule
from rlsuite.generators.next_scale import NextScale
from rlsuite.generators.state import NextScaleState

CATEGORIES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)  # the categorical actions; ratio 1 skips the scale
Classifier = Callable[[torch.Tensor], torch.Tensor]
"""Images (n, C, H, W) in [-1, 1] to class logits."""


@dataclass(frozen=True)
class Level:
    """What a variation level means: share of images of unseen classes, and guidance weight."""

    unseen: float
    cfg: float

    @classmethod
    def at(cls, level: float) -> Level:
        """Interpolate: unseen classes 0 -> 1, classifier-free guidance 1.5 -> 4."""
        return cls(level, 1.5 + 2.5 * level)


class VARLanes(LaneVecEnv):
    """Lanes that generate one image an episode each, all at the same scale.

    Observation: the summed codes at ``resolution`` and a plane with the index of the scale to come over (K - 1).
    """

    state_arrays: ClassVar[tuple[str, ...]] = (
        "picks",
        "labels",
        "history",
        "psnr_now",
        "totals",
        "pool_seed",
    )

    def __init__(self, task: VAR, levels: Sequence[float], n_envs: int) -> None:
        self.task, self.generator, self.reward = task, task.generator, task.reward
        side = task.resolution
        shape = (self.generator.vae.config.z_channels + 1, side, side)
        observations = spaces.Box(-np.inf, np.inf, shape, np.float32)
        actions = (
            spaces.Discrete(len(CATEGORIES))
            if task.action == "categorical"
            else spaces.Box(0, 1, (1,), np.float32)
        )
        super().__init__(levels, n_envs, observations, actions)
        self.pool_seed = np.zeros(1, dtype=np.int64)
        self.picks = np.zeros(n_envs, dtype=np.int64)  # which condition of its pool each lane plays
        self._fixed: dict[int, int] = {}

    def reset(self) -> np.ndarray:
        """Begin an image in every lane; a pending seed also chooses the pool of conditions."""
        if self._seeds[0] is not None:
            self.pool_seed = np.array([self._seeds[0]], dtype=np.int64)
        return super().reset()

    def _use_options(self, lane: int, options: Mapping[str, Any]) -> None:
        super()._use_options(lane, options)
        if "condition" in options:
            self._fixed[lane] = int(options["condition"]) % self.task.pool.size

    def _start(self, lanes: np.ndarray) -> None:
        assert len(lanes) == self.num_envs, "images of one batch have one length, so all lanes begin together"
        self.picks = np.array([rng.integers(self.task.pool.size) for rng in self.rngs])
        for lane, pick in self._fixed.items():
            self.picks[lane] = pick
        self._fixed = {}
        conditions = self._conditions()
        self.labels = conditions.labels
        self.state = self.generator.begin(*conditions.tensors())
        while self.state.scale < self.task.first_decision:
            self.state = self.generator.step(self.state, 0.0)
        n = self.num_envs
        self.psnr_now = np.full(n, np.inf)
        self.totals = np.zeros((2, n))  # shares saved so far: of FLOPs, of ratio
        self.history = np.zeros((n, self.task.n_decisions, 4))  # ratio, psnr, flops saved, kept tokens

    def _blocks(self) -> list[tuple[tuple, Conditions]]:
        keys = [
            (int(self.pool_seed[0]), float(v), int(p) // BLOCK)
            for v, p in zip(self.lane_levels, self.picks, strict=True)
        ]
        made = {
            key: self.task.pool.block(key[0], key[2], Level.at(key[1]).unseen, Level.at(key[1]).cfg)
            for key in set(keys)
        }
        return [(key, made[key]) for key in keys]

    def _conditions(self) -> Conditions:
        rows = [
            (c.labels[i], c.seeds[i], c.cfg[i])
            for (_, c), i in zip(self._blocks(), self.picks % BLOCK, strict=True)
        ]
        labels, seeds, cfg = zip(*rows, strict=True)
        return Conditions(np.array(labels), np.array(seeds), np.array(cfg))

    def golden(self, scale: int) -> np.ndarray:
        """Return the unpruned images (n, C, H, W) of all lanes after ``scale``."""
        blocks = self._blocks()
        return np.stack(
            [
                self.task.golden.block(k, c)[i, scale]
                for (k, c), i in zip(blocks, self.picks % BLOCK, strict=True)
            ]
        )

    def ratios(self, actions: np.ndarray) -> np.ndarray:
        """Turn actions into pruning ratios (n,) in [0, 1]."""
        if self.task.action == "categorical":
            return np.asarray(CATEGORIES)[actions]
        ratio = np.clip(actions.reshape(self.num_envs, -1)[:, 0].astype(np.float64), 0.0, 1.0)
        return np.where(ratio > self.task.skip_above, 1.0, ratio)

    def _advance(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]:
        scale, ratio = self.state.scale, self.ratios(actions)
        self.state = self.generator.step(self.state, torch.as_tensor(ratio))
        last = np.full(self.num_envs, self.state.done)
        images = self.generator.decode(self.state)
        transition = self._measure(scale, ratio, last, images)
        rewards, info = self.reward(transition), transition.info
        shown = {
            "scale_index": np.full(self.num_envs, scale),
            "prune_ratio": ratio,
            "psnr": info["psnr"],
            "flops_saved": info["flops_total"] - info["previous_flops_total"],
            "kept_tokens": self.state.kept[:, scale].cpu().numpy(),
            **self.reward.terms(transition),
            "reward": rewards,
        }
        self.history[:, scale - self.task.first_decision] = np.stack(
            [ratio, shown["psnr"], shown["flops_saved"], shown["kept_tokens"]], axis=1
        )
        self._ended = {"quality": shown.get("quality_score"), "recognised": info["recognised"]}
        return rewards, last, np.zeros_like(last), shown

    def _measure(self, scale: int, ratio: np.ndarray, last: np.ndarray, images: torch.Tensor) -> Transition:
        """Collect what rewards read; remember this step as the previous one of the next."""
        full = self.generator.full_flops.cpu().numpy()
        saved = self.generator.flops_saved(self.state)[:, scale].cpu().numpy()
        before, psnr_before = self.totals.copy(), self.psnr_now
        self.totals = before + np.stack([saved, ratio / self.task.n_decisions])
        self.psnr_now = psnr(images.cpu().numpy(), self.golden(scale))
        info = {
            "psnr": self.psnr_now,
            "previous_psnr": psnr_before,
            "ratio": ratio,
            "flops_scale": saved * full.sum() / full[scale],
            "flops_total": self.totals[0],
            "previous_flops_total": before[0],
            "ratio_total": self.totals[1],
            "previous_ratio_total": before[1],
            "last": last,
            "recognised": self._recognised(images) if last[0] else np.full(len(ratio), np.nan),
        }
        return Transition(ratio, last, info)

    @torch.no_grad()
    def _recognised(self, images: torch.Tensor) -> np.ndarray:
        if self.task.classifier is None:
            return np.full(self.num_envs, np.nan)
        found = self.task.classifier(images * 2 - 1).argmax(dim=1).cpu().numpy()
        return (found == self.labels).astype(np.float64)

    def _observe(self) -> np.ndarray:
        codes = self.state.f_hat
        if codes.shape[-1] != self.task.resolution:
            codes = torch.nn.functional.interpolate(codes, size=(self.task.resolution,) * 2, mode="area")
        plane = codes.new_full(
            (len(codes), 1, *codes.shape[2:]), self.state.scale / (self.generator.n_scales - 1)
        )
        return torch.cat([codes, plane], dim=1).cpu().numpy()

    def _episode_info(self, lane: int) -> dict[str, Any]:
        """Sum up a finished image: final PSNR, quality, savings, and ratio, PSNR and kept tokens at every scale."""
        rows, sides = self.history[lane], self.generator.sides[self.task.first_decision :]
        metrics = {"psnr": rows[-1, 1], "flops_saved": rows[:, 2].sum(), "label": float(self.labels[lane])}
        for name, column in (("ratio", 0), ("psnr", 1), ("flops_saved", 2), ("kept_tokens", 3)):
            metrics |= {f"{name}_{side}x{side}": row[column] for side, row in zip(sides, rows, strict=True)}
        metrics |= {k: v[lane] for k, v in self._ended.items() if v is not None and np.isfinite(v[lane])}
        return {"metrics": metrics, "is_success": bool(metrics.get("recognised", 1.0))}

    def images(self) -> np.ndarray:
        """Return the images so far, float (n, C, H, W) in [0, 1]."""
        return self.generator.decode(self.state).cpu().numpy()

    def get_state(self) -> Tree:
        """Return the episodes, with the generator's state as tensors."""
        return {**super().get_state(), "generator": self.state.to_tree()}

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        super().set_state(state)
        self.state = NextScaleState.from_tree(state["generator"])


class VAR:
    """Prune a next-scale generator: fewer FLOPs, the same picture.

    Args:
        reward: what a step is worth.
        generator: the frozen generator; all vector envs of a task share its weights.
        classifier: finds the class of an image, for ``recognised``; None: not judged.
        action: a ratio in [0, 1], or one of ``CATEGORIES``.
        unseen_classes: classes that level 0 never generates and level 1 alone does.
        pool: number of different images a vector env draws from; their golden images are kept.
        resolution: side of the observed feature map; None: the latent's own.
        decide_from: side of the first scale that is decided on; None: the second scale. FastVAR prunes only after its
            cache scale, so up to it a decision can only be to skip.
        skip_above: ratios above it skip the scale, in training as in evaluation: a policy strictly inside (0, 1) could
            never say 1, and FLOPs jump there.
    """

    offers: ClassVar[frozenset[str]] = frozenset({"image"})

    def __init__(
        self,
        *,
        reward: Reward,
        generator: NextScale,
        classifier: Classifier | None = None,
        action: Literal["ratio", "categorical"] = "ratio",
        unseen_classes: Sequence[int] = (7, 8, 9),
        pool: Annotated[int, Gt(0)] = 1024,
        resolution: Annotated[int, Gt(0)] | None = None,
        decide_from: Annotated[int, Gt(1)] | None = None,
        skip_above: Annotated[float, Ge(0), Le(1)] = 0.95,
    ) -> None:
        sides = list(generator.sides)
        if decide_from is not None and decide_from not in sides[1:]:
            raise UserError(
                f"env.decide_from={decide_from} is no scale of this generator after the first: {sides[1:]}"
            )
        self.first_decision = sides.index(decide_from) if decide_from else 1
        self.skip_above = skip_above
        self.n_decisions = generator.n_scales - self.first_decision
        self.reward, self.generator, self.classifier, self.action = reward, generator, classifier, action
        self.pool = ConditionPool(pool, generator.num_classes, unseen_classes)
        self.resolution = resolution or sides[-1]
        self.golden = GoldenImages(generator)

    @staticmethod
    def action_kind(**config: Any) -> ActionKind:
        """A ratio, or one of ``CATEGORIES``."""
        return "discrete" if config.get("action") == "categorical" else "box"

    def schedules(self) -> dict[str, list[float]]:
        """Open-loop schedules a learner should beat: FastVAR's fixed one, 11 constants (1 skips every scale)."""
        if self.action == "categorical":
            constants = {f"constant {ratio:g}": [float(i)] for i, ratio in enumerate(CATEGORIES)}
            fixed = [
                float(np.abs(np.subtract(CATEGORIES, r)).argmin()) for r in hand_schedule(self.n_decisions)
            ]
            return {"fixed FastVAR": fixed, **constants}
        constants = {f"constant {i / 10:g}": [i / 10] for i in range(11)}
        return {"fixed FastVAR": hand_schedule(self.n_decisions), **constants}

    def vec_env(self, levels: Sequence[float], n_envs: int, seed: int) -> VARLanes:
        """Build the lanes; the generator's weights and the golden images are shared by all of a task's vector envs."""
        env = VARLanes(self, levels, n_envs)
        env.seed(seed)
        return env

    def pictures(self, agent: Agent) -> dict[str, np.ndarray]:
        """Draw what the greedy policy does to eight images: unpruned above pruned, a column a scale and image."""
        env = self.vec_env([0.0], 8, seed=0)
        observation, state, rows = env.reset(), None, []
        for t in range(self.n_decisions):
            scale = env.state.scale
            actions, state = agent.predict(observation, state, np.full(8, t == 0), deterministic=True)
            env._advance(actions)  # not step_wait: the finished images would be gone
            observation = env._observe()
            rows.append(np.stack([env.golden(scale), env.images()], axis=1))
        return {"golden_above_pruned": tile(np.stack(rows, axis=1))}


def tile(images: np.ndarray) -> np.ndarray:
    """Tile images (n, scales, 2, C, H, W) in [0, 1] to (2 H, n * scales * W, 3) uint8."""
    n, scales, _, channels, height, width = images.shape
    grid = images.transpose(2, 4, 0, 1, 5, 3).reshape(2 * height, n * scales * width, channels)
    return (np.broadcast_to(grid, (*grid.shape[:2], 3)) * 255).round().clip(0, 255).astype(np.uint8)
