"""Base of the generators that make an image scale by scale: one call makes one scale of a batch of independent samples.

Each sample has its own pruning ratio; a subclass implements the arithmetic of its models.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from rlsuite.core.interfaces import Generator
from rlsuite.generators.common import sampling
from rlsuite.generators.common.packing import BatchKV
from rlsuite.generators.next_scale import pruning
from rlsuite.generators.next_scale.episode import Control, Shape, Values
from rlsuite.generators.next_scale.plan import StepPlan
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.next_scale.state import NextScaleState


class Stepper(Generator[NextScaleState, Values]):
    """A tokenizer and a transformer as a generator; it holds weights and settings only; what changes is in the state.

    Args:
        vae: the tokenizer, with ``to_image``.
        model: the transformer.
        shape: what its episodes look like.
        fast: pruning settings.
        top_k: codes kept by the sampler, 0 = all.
        top_p: nucleus kept by the sampler, 0 = off.

    Raises:
        ValueError: the models or the pruning settings do not fit together.
    """

    def __init__(
        self,
        vae: nn.Module,
        model: nn.Module,
        shape: Shape,
        fast: PruningSettings | None = None,
        top_k: int = 0,
        top_p: float = 0.0,
    ) -> None:
        self.vae, self.model = vae.eval().requires_grad_(False), model.eval().requires_grad_(False)
        self.fast, self.top_k, self.top_p = fast or PruningSettings(), top_k, top_p
        self.shape, self.lengths = shape, shape.lengths
        self.sides = tuple(h for h, _ in shape.sides)
        self.layers = self.fast.layers(shape.depth)
        self.cache_scale = self.fast.cache_scale(self.sides)
        self.fixed_schedule = self.fast.ratios(self.sides)
        self._starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]

    # -- facts ------------------------------------------------------------------------------------

    @property
    def n_scales(self) -> int:
        """Number of scales K: steps of an episode."""
        return len(self.sides)

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of conditions an image can have: classes, or prompts."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the transformer; sums of codes, sampling and decoding stay in float32."""
        return next(self.model.parameters()).dtype

    def fingerprint(self) -> str:
        """Return a hash of the settings and of samples of every tensor: it differs between generators that make different images."""
        text = [
            repr((self.shape, self.top_k, self.top_p, str(self.dtype), str(self.device), self._settings()))
        ]
        for module in (self.vae, self.model):
            for name, value in module.state_dict().items():
                some = value.flatten()[:: max(1, value.numel() // 64)][:64].float().cpu()
                text.append(f"{name} {tuple(value.shape)} {some.numpy().tobytes().hex()}")
        return hashlib.sha256("\n".join(text).encode()).hexdigest()

    def _settings(self) -> tuple:
        """Return the further settings of a subclass that decide its images."""
        return ()

    def to(self, device: torch.device | str) -> Stepper:
        """Move the weights; episodes that begin later are on that device too."""
        self.vae.to(device)
        self.model.to(device)
        return self

    @property
    def full_flops(self) -> Tensor:
        """(K,) float64: FLOPs of each scale of an unpruned image."""
        kept = torch.tensor([self.lengths])
        return 2 * self._half_flops(kept)[0]

    def flops(self, state: NextScaleState) -> Tensor:
        """(B, K) float64: FLOPs spent at each scale so far (0 for scales to come)."""
        return self._half_flops(state.kept) * state.halves

    def flops_saved(self, state: NextScaleState) -> Tensor:
        """(B, K) float64: FLOPs saved at each scale so far, as a share of a whole unpruned image's."""
        full = self.full_flops.to(state.kept.device)
        done = torch.arange(self.n_scales, device=full.device) < state.scale
        return (full - self.flops(state)) * done / full.sum()

    # -- what a subclass gives --------------------------------------------------------------------

    @abstractmethod
    def _half_flops(self, kept: Tensor) -> Tensor:
        """FLOPs (B, K) float64 of one guidance half, from the tokens kept at each scale (B, K)."""

    @abstractmethod
    def _transform(self, state: NextScaleState, plan: StepPlan) -> tuple[Tensor, list[BatchKV], list[Tensor]]:
        """Raw logits (rows, l, V) of the rows that run; everyone's keys and values, and outputs worth caching."""

    @abstractmethod
    def _guide(self, raw: Tensor, plan: StepPlan) -> Tensor:
        """Guided logits (samples, n, V) float32 of raw logits, V the choices of one draw."""

    @abstractmethod
    def _contribution(self, tokens: Tensor, scale: int) -> Tensor:
        """What the tokens of a scale add to the running sum: (samples, channels, h, w)."""

    # -- the episode ------------------------------------------------------------------------------

    @torch.no_grad()
    def begin(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Values | None = None,
        stream_seed: int | None = None,
    ) -> NextScaleState:
        """Start one image a sample.

        Args:
            labels: (B,) classes or prompts; below 0 = none.
            seeds: (B,) each sample's seed: all its random numbers come from it, whatever batch it is in.
            cfg: guidance weight, one or (B,); None: the generator's own. More makes pictures clearer and more alike.
            stream_seed: draw tokens as upstream does instead, from one generator for the whole batch.

        Raises:
            ValueError: labels, seeds and cfg of different lengths, or a label that is no class.
        """
        label = torch.as_tensor(labels, dtype=torch.int64).to(self.device)
        seed = torch.as_tensor(seeds, dtype=torch.int64).cpu()
        weight = torch.as_tensor(self.default_cfg if cfg is None else cfg, dtype=torch.float32)
        if label.ndim != 1 or seed.shape != label.shape:
            raise ValueError(
                f"labels {tuple(label.shape)} and seeds {tuple(seed.shape)} must both be (samples,)"
            )
        if len(label) and int(label.max()) > self.num_classes:
            raise ValueError(f"label {int(label.max())} is no class: 0..{self.num_classes - 1} are")
        stream = None if stream_seed is None else torch.Generator().manual_seed(stream_seed).get_state()
        draws = sum(self.lengths) * self._draws
        return NextScaleState.fresh(
            labels=label,
            seeds=seed,
            cfg=weight.expand(len(label)).to(self.device),
            stream=stream,
            lengths=self.lengths,
            depth=self.shape.depth,
            uniforms=sampling.env_uniforms(seed.tolist(), draws).to(self.device),
            f_hat=torch.zeros(len(label), self.shape.channels, *self.shape.sides[-1], device=self.device),
            head_shape=self.shape.head_shape,
            code_shape=self.shape.code_shape,
            dtype=self.dtype,
        )

    @torch.no_grad()
    def step(
        self,
        state: NextScaleState,
        ratio: Values = 0.0,
        observe: sampling.Observer | None = None,
        control: Control | None = None,
        forced: Tensor | None = None,
    ) -> NextScaleState:
        """Generate the next scale of every sample; the given state stays valid.

        Args:
            state: the episodes.
            ratio: pruning ratio in [0, 1], one or (B,). 0 = none; 1 = skip the scale. In between it takes effect
                at scales after the cache scale, in samples that ran the cache scale; elsewhere it counts as 0.
            observe: called with the logits of what runs: ``raw`` (rows, l, V), ``guided`` and ``filtered`` (samples, l, V).
            control: guidance and temperature of this scale; None: as they are.
            forced: (B, l, ...) tokens to take instead of those drawn.

        Raises:
            ValueError: the image is complete, or a ratio outside [0, 1].
        """
        if state.done:
            raise ValueError(f"all {self.n_scales} scales are done: begin a new image")
        control = control or Control()
        plan = self._plan(state, ratio, control)
        if not plan.samples:
            return self._finished(replace(state, scale=state.scale + 1, guided=plan.guided))
        raw, kv, cached = self._transform(state, plan)
        tokens, stream = self._sample(raw, state, plan, control, observe)
        tokens = tokens if forced is None else plan.of(forced)
        added = self._contribution(tokens, plan.scale)
        return self._finished(
            state.advanced(
                plan,
                f_hat=plan.of(state.f_hat) + added,
                tokens=tokens,
                start=self._starts[plan.scale],
                kv=kv,
                cached=cached,
                stream=stream,
                caches=plan.scale == self.cache_scale,
            )
        )

    @torch.no_grad()
    def decode(self, images: NextScaleState | Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] of a state or of sums f_hat (B, Cvae, h, w), at full latent size."""
        return self.vae.to_image(images.f_hat if isinstance(images, NextScaleState) else images)  # type: ignore[operator]

    def generate(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Values | None = None,
        ratios: Sequence[float] | None = None,
        stream_seed: int | None = None,
    ) -> NextScaleState:
        """All scales at once; ``ratios`` (K,) is one fixed schedule for all samples, None = unpruned."""
        state = self.begin(labels, seeds, cfg, stream_seed)
        for ratio in ratios if ratios is not None else [0.0] * self.n_scales:
            state = self.step(state, ratio)
        return state

    # -- one scale --------------------------------------------------------------------------------

    @property
    def _draws(self) -> int:
        """Random numbers of one token."""
        return self.shape.code_shape[0] if self.shape.code_shape else 1

    def _plan(self, state: NextScaleState, ratio: Values, control: Control) -> StepPlan:
        values = _per_env(ratio, state).tolist()
        if not all(0 <= r <= 1 for r in values):
            raise ValueError(
                f"pruning ratios must lie in [0, 1], got {[r for r in values if not 0 <= r <= 1][:4]}"
            )
        drop = (_per_env(control.conditional, state) >= 0.5).tolist()
        guided = tuple(g and not d for g, d in zip(state.guided, drop, strict=True))
        length, samples, kept = self.lengths[state.scale], [], []
        for sample, r in enumerate(values):
            if r < 1:
                partly = state.scale > self.cache_scale and state.has_cache[sample]
                samples.append(sample)
                kept.append(pruning.kept_tokens(length, r) if partly else length)
        factor = _per_env(control.guidance, state).to(state.cfg)
        return StepPlan(state.scale, samples, kept, guided, state.cfg * factor)

    def _sample(
        self,
        raw: Tensor,
        state: NextScaleState,
        plan: StepPlan,
        control: Control,
        observe: sampling.Observer | None,
    ) -> tuple[Tensor, Tensor | None]:
        guided = self._guide(raw, plan)
        temperature = plan.of(_per_env(control.temperature, state).to(guided))
        logits = guided / temperature.view(-1, 1, 1) if (temperature != 1).any() else guided
        logits = sampling.filter_logits(logits, self.top_k, self.top_p)
        if observe is not None:
            for name, value in (("raw", raw), ("guided", guided), ("filtered", logits)):
                observe(name, value)
        length = self.lengths[plan.scale]
        if state.stream is not None:
            tokens, stream = sampling.draw_stream(logits, state.stream)
        else:
            start, n = self._starts[plan.scale] * self._draws, length * self._draws
            tokens, stream = sampling.draw_tokens(logits, plan.of(state.uniforms)[:, start : start + n]), None
        return tokens.unflatten(1, (length, *self.shape.code_shape)), stream

    def _finished(self, state: NextScaleState) -> NextScaleState:
        return state.without_caches() if state.done else state


def _per_env(values: Values, state: NextScaleState) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64).expand(state.samples)
