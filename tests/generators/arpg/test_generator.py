"""The random-order stepper at other shapes than the golden one: batching, looking ahead, restarts, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from rlsuite.generators.arpg.generator import RandomOrder
from rlsuite.generators.arpg.schedules import SCHEDULES, schedule, smooth
from rlsuite.generators.arpg.state import RandomOrderState
from rlsuite.generators.arpg.transformer import ARPG, ARPGConfig, arpg_rope_table
from rlsuite.generators.arpg.vq_tokenizer import VQ, VQConfig
from rlsuite.generators.common import sampling
from rlsuite.generators.common.packing import Packing


def build(side: int = 4, heads: int = 2, layers: int = 4, **settings) -> RandomOrder:
    """A tiny generator of 10 classes and 16 codes whose weights are large enough that every term matters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        vq = VQ(VQConfig(1, 4, (1, 2), 1, 4, 2, codebook_size=16, codebook_embed_dim=4))
        arpg = ARPG(ARPGConfig(16, 10, 8 * heads, layers, heads, side**2, multiple_of=8))
        with torch.no_grad():
            for parameter in arpg.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return RandomOrder(vq, arpg, **settings)


@pytest.fixture(scope="module")
def generator() -> RandomOrder:
    return build()


def play(
    generator: RandomOrder, labels: list[int], seeds: list[int], counts: list[list[int]], **settings
) -> RandomOrderState:
    """Decode ``counts[t][sample]`` tokens at step t."""
    state = generator.begin(labels, seeds, torch.full((len(labels),), 3.0))
    for row in counts:
        state = generator.step(generator.look(state) if settings.get("look") else state, row)
    return state


@pytest.mark.parametrize(
    "shape", [{}, {"side": 3, "heads": 4, "layers": 2}, {"side": 5, "cfg_schedule": "constant"}]
)
def test_one_token_a_step_equals_teacher_forcing(shape: dict) -> None:
    generator, raw = build(**shape), []
    state = generator.begin([3, 7], [1, 2], 1.0)
    while not state.done:
        state = generator.step(state, 1, observe=lambda name, x: raw.append(x) if name == "guided" else None)
    with torch.no_grad():
        forced = generator.arpg(state.tokens, state.labels, state.sequence[:, 1:] - 1)
    torch.testing.assert_close(torch.cat(raw, 1), forced, rtol=0, atol=2e-4)


UNEVEN = [[3, 1, 16, 0], [4, 1, 0, 5], [0, 6, 0, 11], [9, 8, 0, 0]]


def test_samples_of_different_progress_equal_samples_alone(generator: RandomOrder) -> None:
    labels, seeds = [1, 2, 3, 4], [5, 6, 7, 8]
    together = play(generator, labels, seeds, UNEVEN)
    assert together.done and together.steps.tolist() == [3, 4, 1, 2]
    for index in range(4):
        alone = play(
            generator,
            labels[index : index + 1],
            seeds[index : index + 1],
            [row[index : index + 1] for row in UNEVEN],
        )
        assert torch.equal(alone.tokens[0], together.tokens[index])
        torch.testing.assert_close(alone.certainty[0], together.certainty[index], rtol=0, atol=1e-4)


def test_without_the_cache_and_looking_ahead_nothing_changes(generator: RandomOrder) -> None:
    samples = [1, 2, 3, 4], [5, 6, 7, 8]
    want = play(generator, *samples, UNEVEN[:3])
    for other in (
        play(generator, *samples, UNEVEN[:3], look=True),
        play(build(kv_cache=False), *samples, UNEVEN[:3]),
    ):
        assert torch.equal(want.tokens, other.tokens)
    plain = play(build(kv_cache=False), *samples, UNEVEN[:3])
    torch.testing.assert_close(plain.certainty, want.certainty, rtol=0, atol=1e-4)


def test_looking_shows_what_the_next_token_will_be_drawn_from(generator: RandomOrder) -> None:
    state, raw = generator.step(generator.begin([3, 4], [1, 2], 3.0), [2, 5]), []
    seen = generator.look(state)
    after = generator.step(state, 1, observe=lambda name, x: raw.append(x) if name == "guided" else None)
    position = (after.sequence.gather(1, 1 + torch.tensor(state.known)[:, None]) - 1)[..., None].expand(
        -1, -1, 2
    )
    torch.testing.assert_close(
        seen.certainty.gather(1, position), sampling.certainty(raw[0]), rtol=0, atol=1e-5
    )
    assert seen.tokens is state.tokens and state.logits is None


def test_positions_are_those_asked_for(generator: RandomOrder) -> None:
    state = generator.begin([3, 4], [1, 2])
    wanted = torch.tensor([[5, 0, 9], [2, 3, 0]])
    state = generator.step(state, [3, 2], wanted)
    assert (state.tokens >= 0).nonzero().tolist() == [[0, 0], [0, 5], [0, 9], [1, 2], [1, 3]]
    rest = generator.step(state, state.remaining)
    assert rest.done and rest.known == (16, 16)
    order = [p for p in rest.order[0].tolist() if p not in (5, 0, 9)]
    assert (rest.sequence[0, 4:] - 1).tolist() == order


def test_a_position_draws_its_own_number_whenever_it_comes() -> None:
    """With nothing to condition on, every schedule gives the same image."""
    generator = build()
    with torch.no_grad():
        generator.arpg.head.weight.zero_()
    one, other = (generator.generate([3], [1], 1.0, counts) for counts in ([16], [1, 2, 13]))
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.tokens, (one.uniforms * 16).long())


def test_a_restarted_sample_equals_a_fresh_one(generator: RandomOrder) -> None:
    for look in (False, True):
        state = play(generator, [1, 2, 3, 4], [5, 6, 7, 8], UNEVEN[:2], look=look)
        fresh = generator.begin([9, 0], [3, 4], 2.0)
        fresh, state = (generator.look(s) if look else s for s in (fresh, state))
        mixed = state.with_envs([0, 2], fresh)
        went = generator.step(mixed, [4, 6, 5, 11])
        alone = generator.step(fresh, [4, 5])
        assert torch.equal(went.tokens[[0, 2]], alone.tokens) and went.known == (4, 8, 5, 16)
        assert torch.equal(went.tokens[[1, 3]], generator.step(state, [0, 6, 0, 11]).tokens[[1, 3]])
        assert (mixed.logits is not None) == look


def test_a_state_survives_as_a_tree(generator: RandomOrder) -> None:
    state = generator.look(play(generator, [1, 2, 3, 4], [5, 6, 7, 8], UNEVEN[:1]))
    again = RandomOrderState.from_tree(state.to_tree())
    one, two = (generator.step(s, [2, 3, 0, 4]) for s in (state, again))
    assert torch.equal(one.tokens, two.tokens) and torch.equal(one.features, two.features)


def test_an_image_in_any_state(generator: RandomOrder) -> None:
    state = generator.begin([1, 2], [3, 4])
    assert generator.decode(state).shape == (2, 1, 8, 8)
    half = generator.step(state, [5, 16])
    assert generator.decode(half).min() >= 0 and torch.equal(
        generator.decode(half.tokens), generator.decode(half)
    )
    codes = generator.vq.codes(half.tokens, 4)
    assert codes[0].flatten(1).T[half.tokens[0] < 0].abs().sum() == 0
    torch.testing.assert_close(codes[1].norm(dim=0), torch.ones(4, 4))


def test_refusals(generator: RandomOrder) -> None:
    state = generator.begin([1, 2], [3, 4])
    with pytest.raises(ValueError, match="cannot decode"):
        generator.step(state, [17, 1])
    with pytest.raises(ValueError, match="different unknown positions"):
        generator.step(state, 2, torch.tensor([[1, 1], [2, 3]]))
    with pytest.raises(ValueError, match="different unknown positions"):
        generator.step(generator.step(state, 1, torch.tensor([[1], [2]])), 1, torch.tensor([[1], [3]]))
    with pytest.raises(ValueError, match="no class"):
        generator.begin([10], [0])
    with pytest.raises(ValueError, match="must both be"):
        generator.begin([1, 2], [0])
    with pytest.raises(ValueError, match="16 codes, the transformer 8"):
        RandomOrder(generator.vq, ARPG(ARPGConfig(8, 10, 16, 2, 2, 16)))
    for bad in ({"block_size": 15}, {"n_layer": 3}, {"dim": 10}):
        with pytest.raises(ValueError, match=r"square|multiple"):
            ARPGConfig(**bad)


def test_certainty_by_hand() -> None:
    seen = sampling.certainty(
        torch.tensor([[0.0, 0.0, 0.0, 0.0], [math.log(3.0), 0.0, -torch.inf, -torch.inf]])
    )
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4)
    torch.testing.assert_close(seen, torch.tensor([[0.25, 1.0], [0.75, entropy]]))


def test_rows_and_columns_turn_apart() -> None:
    table = arpg_rope_table(ARPGConfig(dim=32, n_head=2, block_size=9))
    same_row, same_column = table[1 + 3], table[1 + 1]  # positions (1, 0) and (0, 1)
    assert same_row[4:, 0].tolist() == [1.0] * 4 and same_column[:4, 0].tolist() == [1.0] * 4
    torch.testing.assert_close(same_row[:4], same_column[4:])
    torch.testing.assert_close(table[2][5, 0], torch.tensor(math.cos(10000**-0.25)))


def test_packing_of_first_tokens() -> None:
    packing, x = Packing.first([2, 0, 3]), torch.arange(9.0).view(3, 3, 1)
    assert packing.take(x).flatten().tolist() == [0, 1, 6, 7, 8]
    assert packing.pad(packing.take(x)).flatten().tolist() == [0, 1, 0, 0, 0, 0, 6, 7, 8]
    assert Packing.first([3, 3]).flat is None


def test_schedules_are_upstreams() -> None:
    assert schedule("arccos", 256, 8) == [21, 21, 21, 23, 25, 28, 35, 82]
    assert schedule("cosine", 256, 8) == [5, 15, 24, 31, 39, 45, 48, 49]
    assert schedule("arccos", 16, 4) == [3, 3, 3, 7] and schedule("cosine", 16, 4) == [2, 3, 5, 6]
    assert schedule("uniform", 64, 8) == [8] * 8


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("positions", [1, 16, 64])
def test_every_schedule_decodes_every_token_once(name: str, positions: int) -> None:
    for steps in {1, 2, 5, 16, 63, 64} & set(range(1, positions + 1)):
        counts = schedule(name, positions, steps)
        assert len(counts) == steps and sum(counts) == positions and min(counts) >= 1
    with pytest.raises(ValueError, match=f"1 to {positions} steps"):
        schedule(name, positions, positions + 1)


def test_weights_become_counts() -> None:
    assert smooth([1, 1, 2], 12) == [3, 3, 6]
    assert smooth([1e-9, 1.0], 5) == [1, 4]
    assert sum(smooth([0.3, 0.5, 0.1, 0.7], 64)) == 64
