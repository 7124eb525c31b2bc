"""Gradient agreement by hand-computed gradients."""

import math

import pytest
import torch
from hand_gradients import gradient

from rlsuite.techniques.dr import DR
from rlsuite.techniques.gar import GAR


def test_weighs_by_the_cosine_with_the_mean():
    # mean of (1, 0) and (0, 1) and (0, 1) is (1/3, 2/3): cosines 1/sqrt(5), 2/sqrt(5), 2/sqrt(5); weights 1:2:2
    found, metrics = gradient(GAR(), [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(found, torch.tensor([0.2, 0.8]))
    assert float(metrics["agreement"]) == pytest.approx(5 / 3 / math.sqrt(5))
    assert float(metrics["gar_left_out"]) == 0


def test_leaves_out_what_points_against_the_mean():
    found, metrics = gradient(GAR(), [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0]))
    assert float(metrics["gar_left_out"]) == pytest.approx(1 / 3)


def test_against_others_ignores_unrelated_gradients():
    rows = [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    torch.testing.assert_close(gradient(GAR(against="others"), rows)[0], torch.tensor([1.0, 0.0, 0.0]))
    # (3, 4) and (3, -4) each point away from the mean of the other two, (2, -2) and (2, 2); (1, 0) points along (3, 0)
    found, _ = gradient(GAR(against="others"), [[3.0, 4.0], [3.0, -4.0], [1.0, 0.0]])
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0]))


def test_is_dr_where_gradients_are_parallel_whatever_the_shares():
    rows, domains = [[1.0, 2.0], [3.0, 6.0], [2.0, 4.0], [0.5, 1.0]], [0, 0, 1, 2]
    assert torch.allclose(gradient(GAR(), rows, domains)[0], gradient(DR(), rows, domains)[0])
    assert torch.allclose(gradient(GAR(against="others"), rows, domains)[0], gradient(DR(), rows, domains)[0])


def test_gradients_that_cancel_leave_no_update():
    assert not gradient(GAR(), [[1.0, 0.0], [-1.0, 0.0]])[0].any()
