"""Infinity as a stepper: prompts in, one scale of bits a step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rlsuite.generators.common.packing import BatchKV
from rlsuite.generators.infinity.bsq_tokenizer import BSQ
from rlsuite.generators.infinity.flops import infinity_flops
from rlsuite.generators.infinity.transformer import Infinity, infinity_rope_table
from rlsuite.generators.next_scale.plan import StepPlan
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.next_scale.state import NextScaleState
from rlsuite.generators.next_scale.stepper import Shape, Stepper
from rlsuite.generators.next_scale.sublayers import SubLayers


@dataclass(frozen=True)
class Reading:
    """What one step knows of its rows' texts: condition (R, C), text (R, m, C), mask of the text, modulation."""

    cond: Tensor
    text: Tensor
    mask: Tensor | None
    shared: Tensor


class Bitwise(Stepper):
    """An Infinity and its tokenizer as a generator of images of given prompts.

    Args:
        vae: the tokenizer.
        infinity: the transformer.
        prompts: text features (m_i, text_channels) of each prompt: the generator's classes are their indices.
        fast: pruning settings.
        cfg: guidance weight w: logits are ``w cond + (1 - w) uncond``.
        temperature: divides the logits of every scale.
        mix_before_end: None: guidance of the logits; n: of the hidden states after block depth - n (counted from 0).
        top_k: choices of a bit that the sampler keeps, 0 or 2 = both.
        top_p: nucleus the sampler keeps, 0 = off.

    Raises:
        ValueError: models, prompts or pruning settings do not fit together.
    """

    vae: BSQ

    def __init__(
        self,
        vae: BSQ,
        infinity: Infinity,
        prompts: Sequence[Tensor],
        fast: PruningSettings | None = None,
        cfg: float = 3.0,
        temperature: float | Sequence[float] = 1.0,
        mix_before_end: int | None = None,
        top_k: int = 0,
        top_p: float = 0.0,
    ) -> None:
        c = infinity.config
        if vae.config.sides != c.sides or vae.config.z_channels != c.code_bits:
            raise ValueError(
                f"a tokenizer of {vae.config.z_channels} bits and scales {vae.config.sides} does not fit a transformer of "
                f"{c.code_bits} bits and scales {c.sides}"
            )
        wrong = [tuple(t.shape) for t in prompts if t.ndim != 2 or t.shape[1] != c.text_channels]
        if wrong or not prompts or max(map(len, prompts)) > c.text_maxlen:
            raise ValueError(
                f"prompts must be features (tokens, {c.text_channels}) of at most {c.text_maxlen} tokens, got {wrong[:3]}"
            )
        shape = Shape(c.sides, (c.code_bits,), c.code_bits, (c.num_heads, c.head_dim), c.depth)
        super().__init__(vae, infinity, shape, fast, top_k, top_p)
        self.infinity, self.prompts, self.default_cfg = infinity, [t.cpu() for t in prompts], cfg
        every = [temperature] * len(c.sides) if isinstance(temperature, (int, float)) else list(temperature)
        self.temperatures = [float(t) for t in every]
        self.mix_after = None if mix_before_end is None else c.depth - mix_before_end

    def _settings(self) -> tuple:
        texts = [hashlib.sha256(t.numpy().tobytes()).hexdigest() for t in self.prompts]
        return (self.temperatures, self.mix_after, texts)

    @property
    def num_classes(self) -> int:
        """Number of prompts."""
        return len(self.prompts)

    def _half_flops(self, kept: Tensor) -> Tensor:
        text = sum(map(len, self.prompts)) / len(self.prompts)
        return infinity_flops(self.infinity.config, self.layers, kept, text)

    def read(self, labels: Sequence[int], both: Sequence[int]) -> Reading:
        """Read the prompts of samples, and for those of ``both`` (places in ``labels``) the learned empty text as well."""
        parts = [self.prompts[i] for i in labels]
        lengths = [len(t) for t in parts] + [len(parts[j]) for j in both]
        given = [t.to(self.device, self.dtype) for t in parts]
        rows = given + [self.infinity.cfg_uncond[: len(parts[j])] for j in both]
        mask = None
        if len(set(lengths)) > 1:
            counts = torch.tensor(lengths, device=self.device)
            mask = (torch.arange(max(lengths), device=self.device) < counts[:, None])[:, None, None]
        cond, text = self.infinity.read(pad_sequence(rows, batch_first=True), mask)
        return Reading(cond, text, mask, self.infinity.shared(cond))

    def _transform(self, state: NextScaleState, plan: StepPlan) -> tuple[Tensor, list[BatchKV], list[Tensor]]:
        known = self.read([int(i) for i in plan.of(state.labels)], plan.both)
        codes = None
        if plan.scale:
            codes = plan.repeated(self.vae.quantizer.input(plan.of(state.f_hat), plan.scale).to(self.dtype))
        x = self.infinity.embed(known.cond, codes, plan.scale)
        sub = SubLayers(self.fast, self.layers, self.shape.sides, state, plan, per_block=3)
        turn = (
            infinity_rope_table(self.infinity.config, plan.scale).to(self.device).expand(len(x), -1, -1, -1)
        )
        for i in range(self.shape.depth):
            x = self._block(i, x, sub, known, turn.flatten(2))
            if i == self.mix_after:
                x = self._mixed(x, plan)
        return self.infinity.logits(x, known.cond), sub.kv, sub.outputs

    def _block(self, i: int, x: Tensor, sub: SubLayers, known: Reading, turn: Tensor) -> Tensor:
        block = self.infinity.layers[i]
        g1, g2, scale1, scale2, shift1, shift2 = block.modulation(known.shared)
        p, run = sub.chosen(x, i, 0)
        y = block.normed(run, p.spread(scale1), p.spread(shift1))
        q, k, v = block.qkv(y, p.take(turn).unflatten(-1, (-1, 2)))
        y = block.sa.proj(sub.self_attention(i, block.sa, q, k, v, p))
        x = sub.added(x, run, y * p.spread(g1), p, i, 0)
        p, run = sub.chosen(x, i, 1)
        q = block.ca.queries(block.ca_norm(run))
        y = block.ca.proj(p.unpad(block.ca.attend(p.pad(q), known.text, known.mask)))
        x = sub.added(x, run, y, p, i, 1)
        p, run = sub.chosen(x, i, 2)
        y = block.ffn(block.normed(run, p.spread(scale2), p.spread(shift2)))
        return sub.added(x, run, y * p.spread(g2), p, i, 2)

    def _mixed(self, x: Tensor, plan: StepPlan) -> Tensor:
        """Guide the hidden states: both halves go on with the same."""
        cond, uncond = plan.halves(x).chunk(2)
        w = plan.weights(without=1.0).to(x.dtype).view(-1, 1, 1)
        return plan.repeated(w * cond + (1 - w) * uncond)

    def _guide(self, raw: Tensor, plan: StepPlan) -> Tensor:
        cond, uncond = plan.halves(raw.float()).chunk(2)
        if self.mix_after is None:
            w = plan.weights(without=1.0).view(-1, 1, 1)
            cond = w * cond + (1 - w) * uncond
        logits = cond * (1 / self.temperatures[plan.scale])
        return logits.unflatten(2, (-1, 2)).flatten(1, 2)

    def _contribution(self, tokens: Tensor, scale: int) -> Tensor:
        return self.vae.quantizer.contribution(tokens, scale)
