"""Codes: straight-through gradients, a book that moves in training only, dead codes, levels."""

import pytest
import torch

from rlsuite.worldmodel.quantizer import DEAD, FiniteScalarQuantizer, VectorQuantizer, make_quantizer


@pytest.mark.parametrize(("kind", "dim"), [("vq", 2), ("fsq", 1)])
@pytest.mark.parametrize("shared", [False, True])
def test_gradients_pass_straight_through(kind: str, dim: int, shared: bool) -> None:
    torch.manual_seed(0)
    quantizer = make_quantizer(kind, 3, 5, dim, shared)
    x = torch.randn(7, 3, dim, requires_grad=True)
    weight = torch.randn(7, 3, dim)
    found = quantizer(x)
    (found.codes * weight).sum().backward()
    slope = 1 if kind == "vq" else 1 - x.detach().tanh().square()
    torch.testing.assert_close(x.grad, weight * slope)
    torch.testing.assert_close(found.codes, quantizer.lookup(found.indices), atol=1e-6, rtol=0)


def test_nearest_code_and_commitment_by_hand() -> None:
    quantizer = VectorQuantizer(2, 2, 1)
    quantizer.codes.copy_(torch.tensor([[[0.0], [1.0]], [[10.0], [20.0]]]))
    found = quantizer(torch.tensor([[[0.4], [16.0]]]))
    assert found.indices.tolist() == [[0, 1]]
    assert found.codes.flatten().tolist() == pytest.approx([0, 20])
    assert found.loss.item() == pytest.approx(0.25 * (0.4**2 + 4**2) / 2)


def test_looking_does_not_move_the_book_and_no_gradient_reaches_it() -> None:
    quantizer = VectorQuantizer(2, 4, 3)
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    found = quantizer(torch.randn(9, 2, 3, requires_grad=True))
    found.loss.backward()
    assert all(torch.equal(before[name], value) for name, value in quantizer.state_dict().items())
    assert quantizer.codes.grad is None


@pytest.mark.parametrize("shared", [False, True])
def test_codes_move_to_the_means_of_what_they_stand_for(shared: bool) -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(2, 2, 1, shared)
    centres = torch.tensor([-1.0, 1.0])
    for _ in range(800):
        quantizer.update(centres[torch.randint(2, (64, 2, 1))] + 0.01 * torch.randn(64, 2, 1))
    torch.testing.assert_close(
        quantizer.codes.sort(1).values[..., 0], centres.expand_as(quantizer.codes[..., 0]), atol=0.02, rtol=0
    )


def test_dead_codes_begin_anew_among_what_is_seen() -> None:
    torch.manual_seed(0)
    quantizer = VectorQuantizer(1, 16, 2)
    x = torch.randn(256, 1, 2)
    quantizer.update(x)
    quantizer.codes[0, 3:] = 1e3  # as an initialisation far from all data would leave them
    quantizer.sums.copy_(quantizer.codes * quantizer.counts[..., None])
    for _ in range(600):
        quantizer.update(x)
    assert (quantizer.codes.abs() < 5).all()
    assert (quantizer.counts >= DEAD).all()
    assert quantizer.usage(quantizer(x).indices) > 8


def test_no_code_is_multiplied_when_unused() -> None:
    """Sizes that begin at 0 beside sums that do not blow unused codes up at the first update."""
    torch.manual_seed(0)
    quantizer = VectorQuantizer(1, 32, 2)
    x = torch.randn(64, 1, 2)
    for _ in range(3):
        quantizer.update(x)
        assert quantizer.codes.isfinite().all()
        assert quantizer.codes.abs().max() <= x.abs().max() + 1e-5


def test_levels_are_equally_spaced_and_fixed() -> None:
    quantizer = FiniteScalarQuantizer(1, 5)
    x = torch.linspace(-4, 4, 200)[:, None, None]
    assert quantizer(x).codes.unique().tolist() == pytest.approx([-1, -0.5, 0, 0.5, 1])
    before = quantizer.codes.clone()
    quantizer.update(x)
    assert torch.equal(before, quantizer.codes)


def test_perplexity_counts_codes() -> None:
    quantizer = VectorQuantizer(2, 8, 1)
    indices = torch.stack([torch.arange(4).repeat(2), torch.zeros(8, dtype=torch.long)], 1)
    assert quantizer.usage(indices).item() == pytest.approx((4 + 1) / 2)


def test_a_sharp_guess_settles_on_its_code() -> None:
    quantizer = VectorQuantizer(2, 4, 3)
    sharp = torch.tensor(3000.0)
    codes = quantizer.lookup(torch.tensor([[1, 3]]))
    torch.testing.assert_close(quantizer.settle(codes + 0.01, sharp), codes, atol=1e-4, rtol=1e-4)
    loss = quantizer.guess_loss(codes, codes, torch.tensor([[1, 3]]), sharp)
    assert loss.item() == pytest.approx(0, abs=1e-4)
