"""The stepper: one call decodes any number of tokens at any positions, another number in every sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from rlsuite.core.interfaces import Generator
from rlsuite.generators.arpg.state import RandomOrderState
from rlsuite.generators.arpg.transformer import ARPG
from rlsuite.generators.arpg.vq_tokenizer import VQ
from rlsuite.generators.common import sampling
from rlsuite.generators.common.packing import Packing

Counts = Tensor | Sequence[int] | int
"""Tokens to decode, one number or one a sample (B,)."""


class RandomOrder(Generator[RandomOrderState, Counts]):
    """An ARPG and its tokenizer as a generator; it holds weights and settings only; what changes is in the state.

    Args:
        vq: the tokenizer.
        arpg: the transformer.
        cfg_schedule: guidance grows with the share of tokens known, from none to the weight asked for; or it is constant.
        temperature: divides the guided logits.
        top_k: codes kept by the sampler, 0 = all.
        top_p: nucleus kept by the sampler, 0 = off.
        kv_cache: False recomputes all keys and values at each step: the same numbers, only slower.

    Raises:
        ValueError: the two models do not fit together.
    """

    default_cfg = 2.5

    def __init__(
        self,
        vq: VQ,
        arpg: ARPG,
        cfg_schedule: Literal["linear", "constant"] = "linear",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 0.0,
        kv_cache: bool = True,
    ) -> None:
        if vq.config.codebook_size != arpg.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {vq.config.codebook_size} codes, the transformer {arpg.config.vocab_size}"
            )
        self.vq, self.arpg = vq.eval().requires_grad_(False), arpg.eval().requires_grad_(False)
        self.cfg_schedule, self.temperature, self.kv_cache = cfg_schedule, temperature, kv_cache
        self.top_k, self.top_p = top_k, top_p
        self.positions, self.side = arpg.config.block_size, arpg.config.side

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.arpg.config.num_classes

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.arpg.rope.device

    def to(self, device: torch.device | str) -> RandomOrder:
        """Move the weights; episodes that begin later are on that device too."""
        self.vq.to(device)
        self.arpg.to(device)
        return self

    # -- the episode ------------------------------------------------------------------------------

    @torch.no_grad()
    def begin(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Tensor | float | None = None,
        stream_seed: int | None = None,
    ) -> RandomOrderState:
        """Start one image a sample.

        Args:
            labels: (B,) classes; below 0 = the null class.
            seeds: (B,) each sample's seed: its order and its tokens' random numbers come from it, whatever batch it is in.
            cfg: guidance weight, one or (B,), 1 = none; None: ``default_cfg``.
            stream_seed: draw order and tokens as upstream does instead, from one generator for the whole batch.

        Raises:
            ValueError: labels and seeds of different lengths, or a label that is no class.
        """
        weight = torch.as_tensor(self.default_cfg if cfg is None else cfg, dtype=torch.float32)
        label = torch.as_tensor(labels, dtype=torch.int64).to(self.device)
        seed = torch.as_tensor(seeds, dtype=torch.int64).to(self.device)
        if label.ndim != 1 or seed.shape != label.shape:
            raise ValueError(
                f"labels {tuple(label.shape)} and seeds {tuple(seed.shape)} must both be (samples,)"
            )
        if len(label) and int(label.max()) >= self.num_classes:
            raise ValueError(f"label {int(label.max())} is no class: 0..{self.num_classes - 1} are")
        numbers = sampling.env_uniforms(seed.tolist(), 2 * self.positions).to(self.device)
        shuffle, uniforms = numbers.split(self.positions, dim=1)
        order, stream = shuffle.argsort(dim=1, stable=True), None
        if stream_seed is not None:
            order, stream = self._upstream_order(stream_seed, len(label))
        return RandomOrderState.fresh(
            labels=label,
            seeds=seed,
            cfg=weight.expand(len(label)).to(self.device),
            uniforms=uniforms.contiguous(),
            order=order,
            width=self.arpg.config.dim,
            kv=self.arpg.empty(2 * len(label)),
            stream=stream,
        )

    def _upstream_order(self, seed: int, samples: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        torch.rand(
            samples, generator=generator
        )  # upstream draws here for a label drop that generation does not use
        order = torch.rand(self.positions, generator=generator).argsort()
        return order.expand(samples, -1).to(self.device), generator.get_state()

    @torch.no_grad()
    def step(
        self,
        state: RandomOrderState,
        counts: Counts,
        positions: Tensor | None = None,
        cfg: Tensor | None = None,
        observe: sampling.Observer | None = None,
    ) -> RandomOrderState:
        """Decode ``counts`` more tokens of each sample; the given state stays valid.

        Args:
            state: the episodes.
            counts: tokens to decode, one or (B,), at most those that remain.
            positions: (B, >= largest count) unknown positions, of which the first ``counts[i]`` are decoded; None: the next of
                each sample's own order.
            cfg: (B,) guidance weights of this step; None: the episodes' own.
            observe: called with ``raw`` (2B, m, V) and ``guided`` (B, m, V) logits of the positions decoded.

        Raises:
            ValueError: more tokens than remain, or a position that is known or named twice.
        """
        wanted = torch.as_tensor(counts, dtype=torch.int64).expand(state.samples).tolist()
        if any(not 0 <= n <= left for n, left in zip(wanted, state.remaining, strict=True)):
            raise ValueError(f"cannot decode {wanted} tokens where {list(state.remaining)} remain")
        chosen = self._chosen(state, wanted, positions)
        state = self._absorbed(state)
        raw = self._logits(state, chosen, wanted)
        done = torch.tensor([a + b for a, b in zip(state.known, wanted, strict=True)], device=self.device)
        guided = self._guided(raw, state.cfg if cfg is None else cfg.to(self.device), done)
        if observe is not None:
            observe("raw", raw)
            observe("guided", guided)
        logits = sampling.filter_logits(guided / self.temperature, self.top_k, self.top_p)
        if state.stream is not None:
            tokens, stream = sampling.draw_stream(logits, state.stream)
        else:
            tokens, stream = sampling.draw_tokens(logits, state.uniforms.gather(1, chosen)), None
        return state.decoded(wanted, chosen, tokens, sampling.certainty(logits), stream)

    @torch.no_grad()
    def look(self, state: RandomOrderState) -> RandomOrderState:
        """Compute the logits of every unknown position; a step from the new state uses them instead of computing its own.

        Queries do not see each other, so these are exactly the numbers a step would compute. ``certainty`` is then that of the
        tokens still to be decoded, guided as if one more token were known.
        """
        if state.done:
            return state
        state = self._absorbed(state)
        where, counts = state.unknown(), state.remaining
        where = where[:, : max(counts)]
        raw = self._logits(state, where, counts)
        done = torch.tensor(state.known, device=self.device)
        guided = self._guided(raw, state.cfg, (done + 1).clamp(max=self.positions))
        logits = sampling.filter_logits(guided / self.temperature, self.top_k, self.top_p)
        valid = torch.arange(where.shape[1], device=self.device) < (self.positions - done)[:, None]
        seen = torch.where(
            valid[..., None],
            sampling.certainty(logits),
            state.certainty.gather(1, where[..., None].expand(-1, -1, 2)),
        )
        every = raw.new_zeros(2 * state.samples, self.positions, raw.shape[-1])
        every.scatter_(1, where.repeat(2, 1)[..., None].expand_as(raw), raw)
        return replace(
            state, logits=every, certainty=state.certainty.scatter(1, where[..., None].expand_as(seen), seen)
        )

    @torch.no_grad()
    def decode(self, images: RandomOrderState | Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] of a state or of tokens (B, N); unknown tokens count as a code of zeros."""
        tokens = images.tokens if isinstance(images, RandomOrderState) else images
        return self.vq.to_image(self.vq.codes(tokens, self.side))

    def generate(
        self,
        labels: Tensor | Sequence[int],
        seeds: Tensor | Sequence[int],
        cfg: Tensor | float | None = None,
        schedule: Sequence[int] = (),
    ) -> RandomOrderState:
        """All steps at once, by one schedule of counts for all samples, which must add up to the tokens of an image."""
        state = self.begin(labels, seeds, cfg)
        for count in schedule:
            state = self.step(state, count)
        return state

    # -- one step ---------------------------------------------------------------------------------

    def _chosen(self, state: RandomOrderState, counts: Sequence[int], positions: Tensor | None) -> Tensor:
        """(B, largest count) positions to decode."""
        most = max(counts)
        if positions is None:
            return state.unknown()[:, :most]
        chosen = positions.to(self.device)[:, :most]
        valid = torch.arange(most, device=self.device) < torch.tensor(counts, device=self.device)[:, None]
        asked = torch.zeros_like(state.tokens).scatter_add(1, chosen, valid.long())
        if chosen.shape[1] < most or bool((asked + (state.tokens >= 0) * asked > 1).any()):
            raise ValueError("each sample needs as many different unknown positions as it decodes")
        return chosen

    def _absorbed(self, state: RandomOrderState) -> RandomOrderState:
        """Add all known tokens to the keys and values; finished samples need none."""
        past = state.kv if self.kv_cache else self.arpg.empty(2 * state.samples)
        start = past[-1].lengths[: state.samples]
        counts = [1 + n - s if n < state.positions else 0 for n, s in zip(state.known, start, strict=True)]
        if state.logits is not None or not any(counts):
            return state
        packing = Packing.first(counts * 2, self.device)
        places = torch.tensor(start, device=self.device)[:, None] + torch.arange(
            max(counts), device=self.device
        )
        places = places.clamp(max=state.positions)
        slots = state.sequence.gather(1, places)
        content = state.tokens.gather(1, (slots - 1).clamp(min=0))
        null = torch.full_like(state.labels, -1)
        ids = [
            torch.where(slots > 0, content, self.arpg.class_id(who)[:, None]) for who in (state.labels, null)
        ]
        mask = None if self.kv_cache else self._chunks(state, counts, max(counts))
        kv, features = self.arpg.absorb(
            packing.take(torch.cat(ids)[..., None])[..., 0],
            packing.take(slots.repeat(2, 1)[..., None])[..., 0],
            packing,
            past,
            mask,
        )
        fresh = packing.pad(features)[: state.samples].sum(1)
        return replace(state, kv=tuple(kv), features=state.features + fresh if self.kv_cache else fresh)

    @staticmethod
    def _chunks(state: RandomOrderState, counts: Sequence[int], most: int) -> Tensor:
        """(2B, 1, most, most) mask with which all known tokens at once give the same features as chunk by chunk."""
        born = state.born[:, :most]
        valid = torch.arange(most, device=born.device) < torch.tensor(counts, device=born.device)[:, None]
        mask = (born[:, None, :] <= born[:, :, None]) & (valid[:, None] | ~valid[:, :, None])
        return mask[:, None].repeat(2, 1, 1, 1)

    def _logits(self, state: RandomOrderState, positions: Tensor, counts: Sequence[int]) -> Tensor:
        """Raw logits (2B, m, V) at positions (B, m); zeros behind each sample's count."""
        both = positions.repeat(2, 1)
        if state.logits is not None:
            return state.logits.gather(1, both[..., None].expand(-1, -1, state.logits.shape[-1]))
        packing = Packing.first([*counts, *counts], self.device)
        slots = packing.take(1 + both[..., None])[..., 0]
        return packing.pad(self.arpg.query(slots, packing, state.kv[-1]))

    def _guided(self, raw: Tensor, cfg: Tensor, done: Tensor) -> Tensor:
        """Classifier-free guidance: uncond + w (cond - uncond), w as it is when ``done`` (B,) tokens are known."""
        share = done / self.positions if self.cfg_schedule == "linear" else torch.ones_like(cfg)
        weight = (1 + (cfg - 1) * share)[:, None, None]
        cond, uncond = raw.chunk(2)
        return uncond + weight * (cond - uncond)
