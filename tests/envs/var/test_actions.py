"""What a policy may decide: ratios, categories, residuals on a fixed schedule, and how to sample."""

import numpy as np
import pytest
from agents import make

from rlsuite.core.errors import UserError
from rlsuite.envs.var.actions import CATEGORIES, Actions
from rlsuite.envs.var.task import VARTask
from rlsuite.generators.var import presets
from rlsuite.rewards.gated import Gated


@pytest.fixture(scope="module")
def generator():
    return presets.load_var()


def episode(env, actions):
    """Play one episode; return rewards (T, n) and the infos of every step."""
    steps = [env.step(a) for a in actions]
    return np.stack([s[1] for s in steps]), [s[3] for s in steps]


def test_categorical_actions(generator) -> None:
    task = VARTask(reward=Gated(), generator=generator, action="categorical", pool=32)
    assert VARTask.action_kind(action="categorical") == "discrete"
    env = task.vec_env([0.0], len(CATEGORIES), seed=0)
    env.reset()
    _, _, _, infos = env.step(np.arange(len(CATEGORIES)))
    assert [info["prune_ratio"] for info in infos] == list(CATEGORIES)


def test_before_learning_a_residual_policy_is_the_fixed_schedule(generator) -> None:
    from rlsuite.algos.fastvar import FastVAR
    from rlsuite.algos.ppo import PPO
    from rlsuite.techniques.baseline import Baseline

    task = VARTask(reward=Gated(), generator=generator, action="residual", sampling=True, pool=32)
    learner = make(PPO, task=task, technique=Baseline(), seed=0, n_envs=2, n_steps=5, batch_size=10)
    fixed = FastVAR(task=task, technique=Baseline(), seed=0)
    plain = FastVAR(task=VARTask(reward=Gated(), generator=generator, pool=32), technique=Baseline(), seed=0)
    pictures = [agent_task.watch(agent, 4)[0] for agent_task, agent in ((task, learner), (task, fixed))]
    assert np.array_equal(*pictures)
    assert np.array_equal(
        pictures[0], VARTask(reward=Gated(), generator=generator, pool=32).watch(plain, 4)[0]
    )


def test_residual_and_sampling_actions_by_hand() -> None:
    actions = Actions("residual", True, [0.0, 0.5, 0.75], 0.95)
    chosen = np.array(
        [[0.5, 0.5, 0.5, 0.5], [0.6, 0.8, 1.0, 0.0], [0.0, 0.7, 0.0, 1.0], [1.0, 0.75, 0.5, 0.5]]
    )
    assert actions.ratios(chosen, 1) == pytest.approx([0.5, 0.7, 0.0, 1.0])
    assert actions.ratios(chosen, 2) == pytest.approx([0.75, 0.95, 0.0, 1.0])
    control = actions.control(chosen)
    assert control.guidance == pytest.approx([1, 4, 0.25, 1])
    assert control.temperature == pytest.approx([1, 0.5, 2, 1])
    assert control.conditional == [0, 1, 0, 1]
    for kind in ("ratio", "residual", "categorical"):
        plain = Actions(kind, False, [0.0, 0.5, 0.75], 0.95)
        played = [
            plain.ratios(np.array([[a]] if kind != "categorical" else [int(a)]), t)[0]
            for t, a in enumerate(plain.of([0.0, 0.25, 1.0]))
        ]
        assert played == pytest.approx([0.0, 0.25, 1.0])
    with pytest.raises(UserError, match=r"env\.sampling"):
        Actions("categorical", True, [0.0], 0.95)


def test_leaving_out_the_unconditional_half_halves_the_cost_of_what_follows(generator) -> None:
    task = VARTask(reward=Gated(), generator=generator, sampling=True, pool=32)
    env = task.vec_env([0.0], 2, seed=0)
    env.reset()
    actions = [
        np.array([[0, 0.5, 0.5, 0.5], [0, 0.9 if t == 2 else 0.5, 0.5, 0.5]], np.float32) for t in range(5)
    ]
    _, infos = episode(env, actions)
    saved = np.array([[info["flops_saved"] for info in step] for step in infos])
    share = generator.full_flops.numpy()[1:] / generator.full_flops.numpy().sum()
    assert saved[:, 0] == pytest.approx(np.zeros(5))
    assert saved[:, 1] == pytest.approx(np.where(np.arange(5) >= 2, share / 2, 0))
