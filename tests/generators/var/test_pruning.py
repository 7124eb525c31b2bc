"""What pruning must not change, and what it must."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rlsuite.generators.common.packing import BatchKV, Packing
from rlsuite.generators.next_scale.episode import Control
from rlsuite.generators.next_scale.pruning import PruningSettings, pairs, resize
from rlsuite.generators.next_scale.state import NextScaleState
from rlsuite.generators.var.generator import NextScale

LABELS, SEEDS = [3, 1, 4, 1, 5, 9], [11, 12, 13, 14, 15, 16]
RATIOS = [[0, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 1, 0.25], [0, 1, 0.5, 0.5], [1, 0, 0.9, 1], [1, 1, 1, 1.0]]


def run(generator: NextScale, samples: list[int], ratios: list[list[float]]) -> NextScaleState:
    state = generator.begin([LABELS[i] for i in samples], [SEEDS[i] for i in samples], 1.5)
    for scale in range(generator.n_scales):
        state = generator.step(state, [ratios[i][scale] for i in samples])
    return state


def same(a: NextScaleState, b: NextScaleState) -> bool:
    return torch.equal(a.f_hat, b.f_hat) and torch.equal(a.tokens, b.tokens) and torch.equal(a.kept, b.kept)


def test_weights_changed_in_place_take_effect_at_once(make) -> None:
    """What is kept of the classes' conditions must not outlive the weights it came from."""
    used, fresh = make(), make()
    used.generate(LABELS, SEEDS, 1.5)
    for generator in (used, fresh):
        with torch.no_grad():
            generator.var.layers[1].ada_lin[1].weight.mul_(3)
            generator.var.layers[2].attn.q_bias.add_(1)
    assert same(used.generate(LABELS, SEEDS, 1.5), fresh.generate(LABELS, SEEDS, 1.5))


def test_ratio_zero_is_unpruned_bit_for_bit(generator: NextScale) -> None:
    plain = generator.generate(LABELS, SEEDS, 1.5)
    assert same(plain, run(generator, list(range(6)), [[0.0] * 4] * 6))
    assert same(plain, run(generator, list(range(6)), [[0.3, 0.9, 0.05, 0.03]] * 6)), (
        "int(L * ratio) = 0: nothing pruned"
    )


def test_mixed_samples_equal_single_episodes(generator: NextScale) -> None:
    together = run(generator, list(range(6)), RATIOS)
    for sample in range(6):
        alone = run(generator, [sample], RATIOS)
        assert torch.equal(alone.tokens[0], together.tokens[sample])
        assert torch.equal(alone.kept[0], together.kept[sample])
        torch.testing.assert_close(alone.f_hat[0], together.f_hat[sample], rtol=0, atol=1e-5)


def test_kept_tokens_by_hand(generator: NextScale) -> None:
    kept = run(generator, list(range(6)), RATIOS).kept.tolist()
    # scale sides 1, 2, 3, 5; k = L - int(L * ratio); without the cache scale (sample 3) nothing is pruned partly
    assert kept == [[1, 4, 9, 25], [1, 4, 5, 13], [1, 4, 0, 19], [1, 0, 9, 25], [0, 4, 1, 0], [0, 0, 0, 0]]


def test_pruning_changes_pictures(generator: NextScale) -> None:
    plain, pruned = (
        generator.generate(LABELS, SEEDS, 1.5),
        run(generator, list(range(6)), [[0, 0, 0.7, 0.7]] * 6),
    )
    assert not torch.equal(plain.tokens, pruned.tokens)
    assert (pruned.tokens >= 0).all(), "pruned positions get tokens all the same"


def test_skipped_scale_leaves_no_trace(generator: NextScale) -> None:
    before = generator.step(generator.begin(LABELS, SEEDS))
    after = generator.step(before, 1.0)
    assert torch.equal(after.f_hat, before.f_hat)
    assert all(a is b for a, b in zip(after.kv, before.kv, strict=True))
    assert (after.tokens[:, 1:5] == -1).all() and (after.kept[:, 1] == 0).all()
    later = generator.step(after)
    assert {kv.lengths[0] for kv in later.kv} == {1 + 9}, (
        "the next scale sees keys of the first and its own only"
    )


def test_all_skipped_is_the_empty_picture(generator: NextScale) -> None:
    state = run(generator, list(range(6)), [[1.0] * 4] * 6)
    assert state.done and not state.f_hat.any()
    assert torch.equal(generator.flops(state), torch.zeros(6, 4, dtype=torch.float64))


def test_only_kept_tokens_enter_the_cache(generator: NextScale) -> None:
    state = generator.begin(LABELS[:2], SEEDS[:2])
    for ratio in ([0, 0], [0, 0], [0.5, 1 / 3]):
        state = generator.step(state, ratio)
    assert state.kv[0].lengths == (14, 14, 14, 14), "block 0 never prunes"
    assert state.kv[1].lengths == state.kv[2].lengths == (5 + 5, 5 + 6, 5 + 5, 5 + 6)


def test_interleaved_episodes_do_not_touch(generator: NextScale) -> None:
    alone = [run(generator, [i], RATIOS) for i in range(3)]
    states = [generator.begin([LABELS[i]], [SEEDS[i]], 1.5) for i in range(3)]
    for scale in range(4):
        states = [generator.step(s, RATIOS[i][scale]) for i, s in enumerate(states)]
    assert all(same(a, b) for a, b in zip(alone, states, strict=True))


def test_a_state_stays_valid(generator: NextScale) -> None:
    fork = generator.step(generator.step(generator.begin(LABELS, SEEDS)))
    first = generator.step(generator.step(fork, 0.5), 0.5)
    generator.step(generator.step(fork, [0, 0.3, 1, 0.6, 1, 0]), 1.0)
    assert same(first, generator.step(generator.step(fork, 0.5), 0.5))


@pytest.mark.parametrize("stream_seed", [None, 5])
def test_state_round_trip_mid_episode(generator: NextScale, stream_seed: int | None) -> None:
    mixed = [[0, 0.5, 1, 0, 0, 1], [0.5, 0, 0.3, 1, 0, 0.2]]
    state = generator.begin(LABELS, SEEDS, torch.linspace(0, 4, 6), stream_seed)
    for ratio in ([0] * 6, [0, 0, 0, 0, 1, 0], mixed[0]):
        state = generator.step(state, ratio)
    tree = state.to_tree()
    copy = NextScaleState.from_tree(_through_numpy(tree))
    assert same(generator.step(state, mixed[1]), generator.step(copy, mixed[1]))


def _through_numpy(tree: object) -> object:
    """As a checkpoint does: nothing but arrays, lists, dicts and scalars survive."""
    if isinstance(tree, dict):
        return {k: _through_numpy(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [_through_numpy(v) for v in tree]
    if isinstance(tree, Tensor):
        return torch.from_numpy(np.array(tree.numpy()))
    assert tree is None or isinstance(tree, (int, float, bool))
    return tree


def test_draws_do_not_shift(generator: NextScale) -> None:
    """A sample's random numbers depend on its seed alone, whatever is skipped and whoever is beside it."""
    a, b = generator.begin([1], [7]), generator.begin([2, 1], [99, 7])
    assert torch.equal(a.uniforms[0], b.uniforms[1])
    assert a.uniforms.shape == (1, 1 + 4 + 9 + 25)


def test_random_selection_is_seeded_and_differs(make: Callable[..., NextScale]) -> None:
    control, ratios = make(selection="random"), [[0, 0, 0.6, 0.6]] * 6
    one, two = run(control, [0, 1, 2], ratios), run(control, [2, 0, 1], ratios)
    assert torch.equal(one.tokens[[2, 0, 1]], two.tokens)
    assert not torch.equal(one.f_hat, run(make(), [0, 1, 2], ratios).f_hat)


@pytest.mark.parametrize("ratio", [-0.1, 1.5, float("nan"), [0.0, 2.0]])
def test_ratio_out_of_range(generator: NextScale, ratio: object) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        generator.step(generator.begin([1, 2], [1, 2]), ratio)


def test_misuse_is_refused(generator: NextScale, make: Callable[..., NextScale]) -> None:
    with pytest.raises(ValueError, match="begin a new image"):
        generator.step(generator.generate([1], [1]))
    with pytest.raises(ValueError, match="label 11 is no class"):
        generator.begin([11], [1])
    with pytest.raises(ValueError, match="seeds"):
        generator.begin([1, 2], [1])
    with pytest.raises(ValueError, match="cache_side=4"):
        make(cache_side=4)
    with pytest.raises(ValueError, match=r"1\.\.3"):
        make(last_layer=3)


def test_best_keeps_the_highest_in_their_order() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0, 2.0], [0.0, 5.0, 4.0, 9.0]])
    packing = Packing.best(scores, [2, 3])
    x = torch.arange(8.0).view(2, 4, 1)
    assert packing.take(x).flatten().tolist() == [0, 2, 5, 6, 7]  # ties: the earlier token
    assert packing.put(-x, packing.take(x)).flatten().tolist() == [0, -1, 2, -3, -4, 5, 6, 7]
    assert packing.pad(packing.take(x)).flatten().tolist() == [0, 2, 0, 5, 6, 7]
    assert torch.equal(packing.unpad(packing.pad(packing.take(x))), packing.take(x))


def test_sample_kv_select_append_merge() -> None:
    one = torch.ones(3, 2, 1, 1)
    kv = BatchKV.empty(3, 1, 1, one).append(one, one, Packing.full(3, 2))
    part = kv.select([0, 2]).append(one[:2] * 2, one[:2] * 2, Packing.full(2, 2))
    both = kv.merge([0, 2], part)
    assert both.lengths == (4, 2, 4)
    assert both.k.flatten(1).tolist() == [[1, 1, 2, 2], [1, 1, 0, 0], [1, 1, 2, 2]]
    assert both.mask().flatten(1).tolist() == [[True] * 4, [True, True, False, False], [True] * 4]
    assert kv.mask() is None


@pytest.mark.parametrize("counts", [(3, 3), (2, 3)])
def test_keys_in_blocks_are_the_same_attention(counts: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    packing = Packing.first(counts)
    old, new = (torch.randn(2, 3, 2, 4, generator=generator) for _ in range(2))
    q = torch.randn(2, 2, 5, 4, generator=generator)

    def attended(block: int) -> torch.Tensor:
        kv = BatchKV.empty(2, 2, 4, old, block).append(old, old, Packing.full(2, 3))
        taken = packing.take(new.flatten(2)).unflatten(-1, (2, 4))
        kv = kv.append(taken, -taken, packing)
        assert kv.lengths == (3 + counts[0], 3 + counts[1]) and kv.k.shape[1] == -(-6 // block) * block
        return F.scaled_dot_product_attention(q, kv.k.transpose(1, 2), kv.v.transpose(1, 2), kv.mask())

    torch.testing.assert_close(attended(8), attended(1), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "new"), [((4, 4), (6, 6)), ((4, 4), (8, 8)), ((3, 5), (7, 6)), ((6, 6), (4, 3))]
)
def test_resize_is_area_interpolation(side: tuple[int, int], new: tuple[int, int]) -> None:
    x = torch.randn(2, side[0] * side[1], 3, generator=torch.Generator().manual_seed(0))
    maps = F.interpolate(x.transpose(1, 2).unflatten(2, side), size=new, mode="area")
    torch.testing.assert_close(
        resize(x, side, new, torch.zeros(len(x), new[0] * new[1], x.shape[-1])),
        maps.flatten(2).transpose(1, 2),
        rtol=0,
        atol=1e-6,
    )


def test_fixed_schedules() -> None:
    sides = (1, 2, 3, 5)
    assert PruningSettings(2).ratios(sides) == [0, 0, 0.5, 0.75]
    assert PruningSettings(2, schedule=pairs([5, 3], [1, 0.4])).ratios(sides) == [0, 0, 0.4, 1]
    with pytest.raises(ValueError, match=r"\[7\] are no scales"):
        PruningSettings(2, schedule=((7, 0.5),)).ratios(sides)
    with pytest.raises(ValueError, match="belong together"):
        pairs([5], None)


def test_guidance_can_be_left_out_by_sample(generator: NextScale) -> None:
    """Sample 1 drops its unconditional half at scale 2: from there it is the unguided image's, sample 0 is untouched."""
    state = generator.begin(LABELS[:2], SEEDS[:2], [1.5, 1.5])
    plain = generator.generate(LABELS[:2], SEEDS[:2], 1.5)
    for scale in range(4):
        state = generator.step(state, [0, 0.5], control=Control(conditional=[0, float(scale == 2)]))
    assert torch.equal(state.tokens[0], plain.tokens[0])
    assert state.halves.tolist() == [[2, 2, 2, 2], [2, 2, 1, 1]]
    alone = generator.begin(LABELS[1:2], SEEDS[1:2], 1.5)
    for scale in range(4):
        alone = generator.step(alone, 0.5, control=Control(guidance=float(scale < 2)))
    assert torch.equal(state.tokens[1], alone.tokens[0]), "no guidance: the same tokens at half of the cost"
    cost, whole = generator.flops(state)[1], generator.flops(alone)[0]
    torch.testing.assert_close(cost / whole, torch.tensor([1, 1, 0.5, 0.5], dtype=torch.float64))


def test_temperature_and_forced_tokens(generator: NextScale) -> None:
    cold = generator.begin(LABELS[:2], SEEDS[:2])
    for _ in range(4):
        cold = generator.step(cold, control=Control(temperature=1e-6))
    for scale, part in enumerate(cold.tokens.split(generator.lengths, 1)):
        state = generator.begin(LABELS[:2], SEEDS[:2]) if scale == 0 else state  # noqa: F821
        seen: list[Tensor] = []
        state = generator.step(state, 0, lambda name, v, seen=seen: seen.append(v), forced=part)
        assert torch.equal(seen[-1].argmax(-1), part), "close to 0 the best code is drawn"
    assert torch.equal(state.tokens, cold.tokens)
