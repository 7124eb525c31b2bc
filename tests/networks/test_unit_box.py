"""The squashed Gaussian's log-probability is a density: it integrates to one, and equals the change of variables."""

import numpy as np
import pytest
import torch

from rlsuite.networks.unit_box import MARGIN, SigmoidGaussian


def distribution(mean: float, log_std: float, n: int = 1) -> SigmoidGaussian:
    return SigmoidGaussian(1).proba_distribution(torch.full((n, 1), mean), torch.full((1,), log_std))


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (1.5, -0.5), (-2.0, 0.3)])
def test_density_integrates_to_one(mean: float, log_std: float) -> None:
    edges = torch.linspace(1e-5, 1 - 1e-5, 200_001, dtype=torch.float64)
    density = distribution(mean, log_std, len(edges)).log_prob(edges[:, None].float()).exp()
    assert torch.trapezoid(density.double(), edges).item() == pytest.approx(1.0, abs=2e-3)


def test_log_prob_by_hand() -> None:
    """At a = .8, x = ln 4: log N(x; 0, 1) - log .8 - log .2."""
    x = np.log(4.0)
    expected = -0.5 * x**2 - 0.5 * np.log(2 * np.pi) - np.log(0.8) - np.log(0.2)
    assert distribution(0.0, 0.0).log_prob(torch.tensor([[0.8]])).item() == pytest.approx(expected, abs=1e-5)


def test_samples_stay_strictly_inside_and_have_finite_log_prob() -> None:
    torch.manual_seed(0)
    wide = distribution(8.0, 2.0, 10_000)
    actions = wide.sample()
    assert ((actions >= MARGIN) & (actions <= 1 - MARGIN)).all()
    assert torch.isfinite(wide.log_prob(actions)).all()


def test_mode_is_the_squashed_mean() -> None:
    assert distribution(1.0, 0.0).mode().item() == pytest.approx(1 / (1 + np.exp(-1)))
