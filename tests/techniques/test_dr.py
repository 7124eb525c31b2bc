"""Domain randomisation: baseline's gradient on several levels."""

import pytest
import torch
from hand_gradients import gradient

from rlsuite.config.compose import compose
from rlsuite.config.validate import find_problems
from rlsuite.experiment.run import build_pair
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.dr import DR

ROWS = [[1.0, -2.0], [3.0, 0.0], [2.0, 8.0], [2.0, 2.0]]


def test_is_the_mean_over_samples_not_over_levels() -> None:
    """Level 0 has three of the four samples, and counts three times as much."""
    found, _ = gradient(DR(), ROWS, [0, 0, 0, 1])
    torch.testing.assert_close(found, torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(found, gradient(Baseline(), ROWS)[0])


def test_envs_play_its_levels_in_turn() -> None:
    settings = ["technique=dr", "technique.dr.levels=[0,1]", "algo.n_envs=4", "algo.n_steps=16"]
    _, agent = build_pair(compose(["env=cartpole", "algo=ppo", *settings]))
    assert agent.env.env_levels.tolist() == [0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("other", ["gar", "mask", "vrex"])
def test_is_refused_beside_a_technique_that_has_levels(other: str) -> None:
    (problem,) = find_problems(
        compose(["env=cartpole", "algo=ppo", f"technique=dr+{other}", "algo.n_envs=9"])
    )
    assert f"dr adds nothing to {other}, which has levels" in problem
