"""FastVAR's fixed schedule, played step by step."""

import numpy as np

from rlsuite.config.compose import compose
from rlsuite.config.settings import compose_settings
from rlsuite.config.validate import find_problems
from rlsuite.experiment.run import build_pair, run

ENV = ["env=var", "algo=fastvar"]


def test_plays_the_generators_schedule_and_begins_anew_with_each_episode() -> None:
    task, agent = build_pair(compose_settings(ENV))
    schedule = task.schedules()["fixed FastVAR"]
    observations = np.zeros((2, *agent.observation_space.shape))
    state, starts, played = None, np.ones(2, dtype=bool), []
    for t in range(2 * len(schedule)):
        actions, state = agent.predict(observations, state, starts)
        played.append(actions[0, 0])
        starts = np.full(2, (t + 1) % len(schedule) == 0)
    np.testing.assert_allclose(played, [*schedule, *schedule], rtol=1e-6)
    assert (agent.parameters_tree()["actions"] == np.array(schedule)).all()


def test_is_the_policy_that_every_comparison_calls_fixed_fastvar(tmp_path) -> None:
    """It saves work, and its images are not the unpruned ones."""
    small = ["total_steps=1", "evaluation.levels=[0]", "evaluation.episodes=8", "best_models=null"]
    result = run(compose_settings([*ENV, *small]), tmp_path)
    metrics = result.levels[0]["greedy"]
    assert 0.2 < np.mean(metrics["flops_saved"]) < 0.6
    assert 10 < np.mean(metrics["psnr"]) < 30


def test_is_refused_where_no_images_are_made() -> None:
    (problem,) = find_problems(compose(["env=cartpole", "algo=fastvar"]))
    assert "it needs image" in problem
