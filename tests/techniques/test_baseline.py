"""No technique: the plain gradient."""

import pytest
import torch
from hand_gradients import gradient

from rlsuite.techniques.baseline import Baseline

ROWS = [[1.0, -2.0], [3.0, 0.0], [2.0, 8.0]]


@pytest.mark.parametrize("domains", [[0, 0, 0], [0, 1, 2], [2, 2, 0]])
def test_is_the_mean_gradient_wherever_samples_come_from(domains) -> None:
    found, metrics = gradient(Baseline(), ROWS, domains)
    torch.testing.assert_close(found, torch.tensor([2.0, 2.0]))
    assert metrics == {}


def test_learns_on_level_0_alone() -> None:
    assert Baseline().levels == (0.0,)
