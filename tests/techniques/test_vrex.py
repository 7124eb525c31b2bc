"""V-REx by its derivative and by hand-computed weights."""

import pytest
import torch
from hand_gradients import gradient

from rlsuite.techniques.dr import DR
from rlsuite.techniques.vrex import VREx


def test_is_the_derivative_of_mean_plus_variance():
    slope = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    at = torch.tensor([0.3, -0.7], requires_grad=True)
    losses = slope @ at + torch.tensor([1.0, 2.0, 4.0])
    expected = torch.autograd.grad(losses.mean() + 0.5 * losses.var(correction=0), at)[0]

    def loss(index):
        return (slope[index] @ at + torch.tensor([1.0, 2.0, 4.0])[index]).mean(), {}

    metrics = VREx(penalty=0.5).backward(loss, torch.arange(3), [at])
    torch.testing.assert_close(at.grad, expected)
    assert float(metrics["loss_variance"]) == pytest.approx(losses.var(correction=0).item())


def test_without_a_penalty_it_is_dr() -> None:
    rows = [[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]]
    torch.testing.assert_close(gradient(VREx(penalty=0.0), rows)[0], gradient(DR(), rows)[0])


def test_what_loses_more_than_the_mean_weighs_more() -> None:
    """Losses 1, 2 and 3 (at parameters 0), penalty 1.5: row i weighs 1/3 + (loss - 2), so -2/3, 1/3 and 4/3."""
    found, metrics = gradient(VREx(penalty=1.5), [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    torch.testing.assert_close(found, torch.tensor([-2 / 3 * 1 + 1 / 3 * 2 + 4 / 3 * 3, 0.0]))
    assert float(metrics["loss_variance"]) == pytest.approx(2 / 3)
