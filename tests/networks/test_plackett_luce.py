"""Rankings against enumeration: probabilities, frequencies of draws, entropies, gradients."""

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.networks.plackett_luce import CountedRanking, draw_ranking, ranking_terms

SCORES = [0.3, -1.2, 2.0, 0.0]
COUNTS = [0.5, 0.0, -0.7]  # of n = 1, 2, 3


def by_hand(scores, order):
    """The probability of drawing ``order`` one place after the other."""
    left, probability = list(range(len(scores))), 1.0
    for place in order:
        probability *= math.exp(scores[place]) / sum(math.exp(scores[i]) for i in left)
        left.remove(place)
    return probability


def every_action(n_places, n_counts):
    """All (count, drawn places) with one action that stands for each."""
    for count in range(n_counts):
        for order in permutations(range(n_places), count + 1):
            rest = [place for place in range(n_places) if place not in order]
            yield count, order, [count, *order, *rest]


def enumerated(counts, scores):
    actions = list(every_action(len(scores), len(counts)))
    table = torch.tensor([action for _, _, action in actions])
    model = CountedRanking(
        torch.tensor([counts]).expand(len(table), -1), torch.tensor([scores]).expand(len(table), -1)
    )
    return actions, table, model


def test_log_probabilities_are_those_of_enumeration_and_sum_to_one() -> None:
    actions, table, model = enumerated(COUNTS, SCORES)
    total = sum(math.exp(c) for c in COUNTS)
    expected = [math.exp(COUNTS[count]) / total * by_hand(SCORES, order) for count, order, _ in actions]
    found = model.log_prob(table).exp()
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-5, atol=1e-7)
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-5)


def test_the_estimated_entropy_is_right_on_average() -> None:
    _, table, model = enumerated(COUNTS, SCORES)
    log_prob = model.log_prob(table).double()
    exact = -(log_prob.exp() * log_prob).sum()
    estimate = (log_prob.exp() * model.entropy(table).double()).sum()
    assert float(estimate) == pytest.approx(float(exact), abs=1e-4)


def test_drawn_rankings_have_these_probabilities() -> None:
    torch.manual_seed(0)
    n = 60_000
    drawn = draw_ranking(torch.tensor([SCORES]).expand(n, -1))[:, :2]
    for order in permutations(range(4), 2):
        share = float((drawn == torch.tensor(order)).all(1).double().mean())
        p = by_hand(SCORES, order)
        assert abs(share - p) < 6 * math.sqrt(p * (1 - p) / n)


def test_drawn_counts_follow_their_logits_and_never_an_illegal_one() -> None:
    torch.manual_seed(0)
    counts = torch.tensor([[0.0, math.log(3), -math.inf]]).expand(20_000, -1)
    actions = CountedRanking(counts, torch.tensor([SCORES]).expand(20_000, -1)).get_actions()
    shares = torch.bincount(actions[:, 0], minlength=3) / len(actions)
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.75, 0.0]), atol=0.02, rtol=0)


def test_what_stands_behind_the_count_decides_nothing() -> None:
    model = CountedRanking(torch.tensor([COUNTS] * 2), torch.tensor([SCORES] * 2))
    one, other = model.log_prob(torch.tensor([[1, 2, 0, 1, 3], [1, 2, 0, 3, 1]]))
    assert one == other


def test_greedy_takes_the_likeliest_count_and_the_best_scores() -> None:
    model = CountedRanking(torch.tensor([COUNTS]), torch.tensor([SCORES]))
    assert model.get_actions(deterministic=True).tolist() == [[0, 2, 0, 3, 1]]


places = st.integers(2, 6)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_taken_places_come_last_and_change_nothing(data) -> None:
    n = data.draw(places)
    scores = data.draw(st.lists(st.floats(-30, 30), min_size=n, max_size=n))
    taken = data.draw(st.integers(1, n))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    alone = torch.tensor([scores], dtype=torch.double)
    padded = torch.cat([torch.full((1, taken), -math.inf, dtype=torch.double), alone], dim=1)
    ranking = draw_ranking(padded)
    assert sorted(ranking[0].tolist()) == list(range(n + taken))
    assert (ranking[0, n:] < taken).all()
    found = ranking_terms(padded, ranking)
    expected = ranking_terms(alone, ranking[:, :n] - taken)
    for part, whole in zip(expected, found, strict=True):
        torch.testing.assert_close(whole[:, :n], part)
        assert not whole[:, n:].any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8), st.floats(-100, 100))
def test_terms_are_log_probabilities_and_entropies(scores, shift) -> None:
    table = torch.tensor([scores], dtype=torch.double)
    ranking = draw_ranking(table)
    log_probs, entropies = ranking_terms(table, ranking)
    assert (log_probs <= 1e-9).all()
    assert log_probs[0, -1] == pytest.approx(0, abs=1e-9)  # the last place is the only one left
    most = torch.arange(len(scores), 0, -1).double().log()
    assert (entropies >= -1e-9).all()
    assert (entropies[0] <= most + 1e-9).all()
    moved = ranking_terms(table + shift, ranking)
    torch.testing.assert_close(moved[0], log_probs, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(moved[1], entropies, atol=1e-6, rtol=1e-6)


def test_gradients_are_finite_and_right() -> None:
    scores = torch.tensor([[*SCORES, -math.inf]], dtype=torch.double)
    ranking = draw_ranking(scores, noise=False)
    free = torch.tensor([SCORES], dtype=torch.double, requires_grad=True)

    def log_prob(values):
        return ranking_terms(torch.cat([values, scores[:, 4:]], dim=1), ranking)[0][:, :2].sum()

    assert torch.autograd.gradcheck(log_prob, free)
    log_prob(free).backward()
    assert torch.isfinite(free.grad).all()
