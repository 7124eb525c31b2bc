"""The AND-mask by hand-computed gradients."""

import pytest
import torch
from hand_gradients import gradient

from rlsuite.techniques.dr import DR
from rlsuite.techniques.mask import Mask


def test_zeroes_where_signs_differ_and_scales_the_rest_of_the_tensor():
    # tensor one is column 0, tensor two columns 1 to 3, of which one is left: times 3
    rows = [[1.0, 1.0, 1.0, 0.0], [2.0, -1.0, 2.0, 1.0], [3.0, 3.0, 3.0, 1.0]]
    found, metrics = gradient(Mask(), rows)
    torch.testing.assert_close(found, torch.tensor([2.0, 0.0, 6.0, 0.0]))
    assert float(metrics["mask_kept"]) == 0.5
    assert not torch.allclose(found, gradient(DR(), rows)[0])


@pytest.mark.parametrize(("threshold", "kept"), [(1 / 3, 1.0), (0.34, 0.5), (1.0, 0.5)])
def test_with_three_levels_it_asks_for_all_signs_or_for_none(threshold: float, kept: float) -> None:
    rows = [[1.0, 1.0], [2.0, -1.0], [3.0, 3.0]]
    found, metrics = gradient(Mask(threshold=threshold), rows)
    assert float(metrics["mask_kept"]) == kept
    torch.testing.assert_close(found, torch.tensor([2.0, 1.0 if kept == 1 else 0.0]))


def test_where_all_signs_agree_it_is_dr() -> None:
    rows = [[1.0, -1.0], [2.0, -2.0], [4.0, -1.0]]
    torch.testing.assert_close(gradient(Mask(), rows)[0], gradient(DR(), rows)[0])
