"""VAR as a stepper: class labels in, one scale of codes a step."""

from __future__ import annotations

from torch import Tensor

from rlsuite.generators.common import sampling
from rlsuite.generators.common.packing import BatchKV
from rlsuite.generators.next_scale.plan import StepPlan
from rlsuite.generators.next_scale.pruning import PruningSettings
from rlsuite.generators.next_scale.state import NextScaleState
from rlsuite.generators.next_scale.stepper import Shape, Stepper
from rlsuite.generators.next_scale.sublayers import SubLayers
from rlsuite.generators.var.flops import var_flops
from rlsuite.generators.var.transformer import VAR, Modulation
from rlsuite.generators.var.vqvae import VQVAE

Known = tuple[Modulation, tuple[Tensor, Tensor | None]]
"""Modulation of a block, and what its attention keeps fixed."""


class NextScale(Stepper):
    """A VAR and its tokenizer as a generator.

    Args:
        vae: the tokenizer.
        var: the transformer.
        fast: pruning settings.
        top_k: codes kept by the sampler, 0 = all.
        top_p: nucleus kept by the sampler, 0 = off.

    Raises:
        ValueError: the two models or the pruning settings do not fit together.
    """

    default_cfg = 0.35
    vae: VQVAE

    def __init__(
        self, vae: VQVAE, var: VAR, fast: PruningSettings | None = None, top_k: int = 0, top_p: float = 0.0
    ) -> None:
        c = var.config
        if vae.config.v_patch_nums != c.patch_nums:
            raise ValueError(f"tokenizer scales {vae.config.v_patch_nums} are not the VAR's {c.patch_nums}")
        shape = Shape(
            sides=tuple((s, s) for s in c.patch_nums),
            code_shape=(),
            channels=var.code_channels,
            head_shape=(c.num_heads, c.embed_dim // c.num_heads),
            depth=c.depth,
        )
        super().__init__(vae, var, shape, fast, top_k, top_p)
        self.var, self._weights = var, list(var.parameters())
        self._last: tuple[tuple, Tensor, list[Known]] | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes; the label of that value is the null class."""
        return self.var.config.num_classes

    def _half_flops(self, kept: Tensor) -> Tensor:
        return var_flops(self.var.config, self.var.vocab_size, self.var.code_channels, self.layers, kept)

    def _transform(self, state: NextScaleState, plan: StepPlan) -> tuple[Tensor, list[BatchKV], list[Tensor]]:
        scale = plan.scale
        cond, known = self._conditions(state, plan)
        if scale == 0:
            x = self.var.embed(cond, None, scale)
        else:  # both halves enter alike
            features = self.vae.quantize.downsample(plan.of(state.f_hat), scale).to(self.dtype)
            x = plan.repeated(self.var.embed(cond, features, scale))
        sub = SubLayers(self.fast, self.layers, self.shape.sides, state, plan)
        for i, (block, (modulation, fixed)) in enumerate(zip(self.var.layers, known, strict=True)):
            g1, g2, gain1, gain2, shift1, shift2 = modulation
            p, run = sub.chosen(x, i, 0)
            q, k, v = block.attn.qkv(block.normed(run, p.spread(gain1), p.spread(shift1)), fixed)
            y = block.attn.proj(sub.self_attention(i, block.attn, q, k, v, p))
            x = sub.added(x, run, y * p.spread(g1), p, i, 0)
            p, run = sub.chosen(x, i, 1)
            y = block.ffn(block.normed(run, p.spread(gain2), p.spread(shift2)))
            x = sub.added(x, run, y * p.spread(g2), p, i, 1)
        return self.var.logits(x, cond), sub.kv, sub.outputs

    def _conditions(self, state: NextScaleState, plan: StepPlan) -> tuple[Tensor, list[Known]]:
        """Condition of the rows, and what of each block depends on it or on nothing: kept for the scales to come."""
        version = sum(parameter._version for parameter in self._weights)  # they may change in place
        about = (state.labels.tolist(), plan.samples, plan.both, self.device, self.dtype, version)
        if self._last is None or self._last[0] != about:
            label = plan.of_rows(state.labels)
            label[len(plan.samples) :] = -1
            cond = self.var.condition(label)
            shared = self.var.shared(cond)
            known = [(block.modulation(cond, shared), block.attn.fixed()) for block in self.var.layers]
            self._last = about, cond, known
        return self._last[1:]

    def _guide(self, raw: Tensor, plan: StepPlan) -> Tensor:
        """VAR's linear ramp: none at the first scale, the whole weight at the last."""
        return sampling.guide(plan.halves(raw.float()), plan.weights(without=0.0), plan.scale, self.n_scales)

    def _contribution(self, tokens: Tensor, scale: int) -> Tensor:
        return self.vae.quantize.contribution(tokens, scale)
