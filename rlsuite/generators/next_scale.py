"""The stepper: one call, one scale, for a batch of independent lanes with a pruning ratio each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rlsuite.generators import fastvar, sampling
from rlsuite.generators.fastvar import FastVAR
from rlsuite.generators.packing import LaneKV
from rlsuite.generators.state import NextScaleState
from rlsuite.generators.sublayers import Plan, SubLayers
from rlsuite.generators.transformer import VAR
from rlsuite.generators.vqvae import VQVAE

Observer = Callable[[str, Tensor], None]
"""Called with ``raw`` (2B', l, V), ``guided`` and ``filtered`` (B', l, V) logits of the lanes that run."""


class NextScale:
    """A VAR and its tokenizer as a generator; it holds weights and settings only, episodes live in their states.

    Args:
        vae: the tokenizer.
        var: the transformer.
        fast: pruning settings.
        top_k: codes kept by the sampler, 0 = all.
        top_p: nucleus kept by the sampler, 0 = off.

    Raises:
        ValueError: the two models or the pruning settings do not fit together.
    """

    def __init__(
        self, vae: VQVAE, var: VAR, fast: FastVAR | None = None, top_k: int = 0, top_p: float = 0.0
    ) -> None:
        if vae.config.v_patch_nums != var.config.patch_nums:
            raise ValueError(
                f"tokenizer scales {vae.config.v_patch_nums} are not the VAR's {var.config.patch_nums}"
            )
        self.vae, self.var = vae.eval().requires_grad_(False), var.eval().requires_grad_(False)
        self.fast, self.top_k, self.top_p = fast or FastVAR(), top_k, top_p
        self.sides, self.lengths = var.config.patch_nums, var.config.lengths
        self.layers = self.fast.layers(var.config.depth)
        self.cache_scale = self.fast.cache_scale(self.sides)
        self._starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]

    # -- facts ------------------------------------------------------------------------------------

    @property
    def n_scales(self) -> int:
        """Number of scales K: steps of an episode."""
        return len(self.sides)

    @property
    def num_classes(self) -> int:
        """Number of classes; the label of that value is the null class."""
        return self.var.config.num_classes

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.var.pos_start.device

    def to(self, device: torch.device | str) -> NextScale:
        """Move the weights; episodes begun from now on live there too."""
        self.vae.to(device)
        self.var.to(device)
        return self

    @property
    def full_flops(self) -> Tensor:
        """(K,) float64: FLOPs of each scale of an unpruned image."""
        return self._flops(torch.tensor([self.lengths]))[0]

    def flops(self, state: NextScaleState) -> Tensor:
        """(B, K) float64: FLOPs spent at each scale so far (0 for scales to come)."""
        return self._flops(state.kept)

    def flops_saved(self, state: NextScaleState) -> Tensor:
        """(B, K) float64: FLOPs saved at each scale so far, as a share of a whole unpruned image's."""
        full = self.full_flops.to(state.kept.device)
        done = torch.arange(self.n_scales, device=full.device) < state.scale
        return (full - self.flops(state)) * done / full.sum()

    def _flops(self, kept: Tensor) -> Tensor:
        return fastvar.flops(self.var.config, self.var.vocab_size, self.var.code_channels, self.layers, kept)

    # -- the episode ------------------------------------------------------------------------------

    @torch.no_grad()
    def begin(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Tensor | float = 0.35,
        stream_seed: int | None = None,
    ) -> NextScaleState:
        """Start one image a lane.

        Args:
            labels: (B,) classes; below 0 = the null class.
            seeds: (B,) each lane's seed: all its random numbers come from it, whatever batch it is in.
            cfg: guidance weight, one or (B,). More makes classes clearer and pictures more alike.
            stream_seed: draw tokens as upstream does instead, from one generator for the whole batch.

        Raises:
            ValueError: labels, seeds and cfg of different lengths, or a label that is no class.
        """
        label = torch.as_tensor(labels, dtype=torch.int64).to(self.device)
        seed = torch.as_tensor(seeds, dtype=torch.int64).cpu()
        weight = torch.as_tensor(cfg, dtype=torch.float32).expand(len(label)).to(self.device)
        if label.ndim != 1 or seed.shape != label.shape:
            raise ValueError(
                f"labels {tuple(label.shape)} and seeds {tuple(seed.shape)} must both be (lanes,)"
            )
        if len(label) and int(label.max()) > self.num_classes:
            raise ValueError(f"label {int(label.max())} is no class: 0..{self.num_classes - 1} are")
        stream = None if stream_seed is None else torch.Generator().manual_seed(stream_seed).get_state()
        return NextScaleState.fresh(
            labels=label,
            seeds=seed,
            cfg=weight,
            stream=stream,
            lengths=self.lengths,
            depth=self.var.config.depth,
            uniforms=sampling.lane_uniforms(seed.tolist(), sum(self.lengths)).to(self.device),
            f_hat=self.var.pos_start.new_zeros(
                len(label), self.var.code_channels, self.sides[-1], self.sides[-1]
            ),
            head_shape=(self.var.config.num_heads, self.var.config.embed_dim // self.var.config.num_heads),
        )

    @torch.no_grad()
    def step(
        self,
        state: NextScaleState,
        ratio: Tensor | Sequence[float] | float = 0.0,
        observe: Observer | None = None,
    ) -> NextScaleState:
        """Generate the next scale of every lane; the given state stays valid.

        Args:
            state: the episodes.
            ratio: pruning ratio in [0, 1], one or (B,). 0 = none; 1 = skip the scale. In between it takes effect
                at scales after the cache scale, in lanes that ran the cache scale; elsewhere it counts as 0.
            observe: called with the logits, for tests and tools.

        Raises:
            ValueError: the image is complete, or a ratio outside [0, 1].
        """
        if state.done:
            raise ValueError(f"all {self.n_scales} scales are done: begin a new image")
        plan = self._plan(state, ratio)
        if not plan.lanes:
            return self._finished(replace(state, scale=state.scale + 1))
        raw, kv, cached = self._transform(state, plan)
        tokens, stream = self._sample(raw, state, plan, observe)
        added = self.vae.quantize.contribution(tokens, plan.scale)
        return self._finished(
            state.advanced(
                plan.lanes,
                f_hat=plan.of(state.f_hat) + added,
                tokens=tokens,
                start=self._starts[plan.scale],
                kept=plan.kept,
                kv=kv,
                cached=cached,
                stream=stream,
                caches=plan.scale == self.cache_scale,
            )
        )

    @torch.no_grad()
    def decode(self, images: NextScaleState | Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] of a state or of sums f_hat (B, Cvae, h, w), at full latent size."""
        return self.vae.to_image(images.f_hat if isinstance(images, NextScaleState) else images)

    def generate(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Tensor | float = 0.35,
        ratios: Sequence[float] | None = None,
        stream_seed: int | None = None,
    ) -> NextScaleState:
        """All scales at once; ``ratios`` (K,) is one fixed schedule for all lanes, None = unpruned."""
        state = self.begin(labels, seeds, cfg, stream_seed)
        for ratio in ratios if ratios is not None else [0.0] * self.n_scales:
            state = self.step(state, ratio)
        return state

    # -- one scale --------------------------------------------------------------------------------

    def _plan(self, state: NextScaleState, ratio: Tensor | Sequence[float] | float) -> Plan:
        values = torch.as_tensor(ratio, dtype=torch.float64).expand(state.lanes).tolist()
        if not all(0 <= r <= 1 for r in values):
            raise ValueError(
                f"pruning ratios must lie in [0, 1], got {[r for r in values if not 0 <= r <= 1][:4]}"
            )
        length, lanes, kept = self.lengths[state.scale], [], []
        for lane, r in enumerate(values):
            if r < 1:
                partly = state.scale > self.cache_scale and state.has_cache[lane]
                lanes.append(lane)
                kept.append(fastvar.kept_tokens(length, r) if partly else length)
        every = len(lanes) == state.lanes
        return Plan(state.scale, lanes, kept, None if every else lanes + [state.lanes + i for i in lanes])

    def _transform(self, state: NextScaleState, plan: Plan) -> tuple[Tensor, list[LaneKV], list[Tensor]]:
        """Raw logits (2B', l, V) of the lanes that run; keys, values and sub-layer outputs of their rows."""
        label, scale = plan.of(state.labels), plan.scale
        cond = self.var.condition(torch.cat((label, torch.full_like(label, -1))))
        shared = self.var.shared(cond)
        features = (
            self.vae.quantize.downsample(plan.of(state.f_hat), scale).repeat(2, 1, 1) if scale else None
        )
        x = self.var.embed(cond, features, scale)
        sub = SubLayers(self.fast, self.layers, self.sides, state, plan)
        for i, block in enumerate(self.var.layers):
            x = sub.run(i, block, x, block.modulation(cond, shared))
        return self.var.logits(x, cond), sub.kv, sub.outputs

    def _sample(
        self, raw: Tensor, state: NextScaleState, plan: Plan, observe: Observer | None
    ) -> tuple[Tensor, Tensor | None]:
        guided = sampling.guide(raw, plan.of(state.cfg), plan.scale, self.n_scales)
        logits = sampling.filter_logits(guided, self.top_k, self.top_p)
        if observe is not None:
            for name, value in (("raw", raw), ("guided", guided), ("filtered", logits)):
                observe(name, value)
        if state.stream is not None:
            return sampling.draw_stream(logits, state.stream)
        start = self._starts[plan.scale]
        return sampling.draw(
            logits, plan.of(state.uniforms)[:, start : start + self.lengths[plan.scale]]
        ), None

    def _finished(self, state: NextScaleState) -> NextScaleState:
        return state.without_caches() if state.done else state
