"""algo=world_model_dyna: honest counting, imagination without a trace in what is real, exact resume, learning on a known optimum."""

import numpy as np
import pytest
import torch
from agents import make

from rlsuite.algos.buffers.transitions import Transitions
from rlsuite.algos.world_model_dyna import WorldModelDyna
from rlsuite.core.errors import UserError
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.sprites.task import Sprites
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline

SMALL = {
    "n_envs": 2,
    "n_steps": 20,
    "warm_up": 80,
    "members": 2,
    "hidden": 16,
    "model_updates": 3,
    "imagined_batches": 2,
    "imagined_envs": 6,
    "horizon": 5,
}


def agent(seed: int = 1, task=None, **more) -> WorldModelDyna:
    seed_everything(seed)
    task = task or CartPole(reward=EnvReward(), max_steps=30)
    return make(WorldModelDyna, task=task, technique=Baseline(), seed=seed, **(SMALL | more))


def test_only_real_steps_are_counted_and_all_are_kept(monkeypatch) -> None:
    learner, real = agent(), []
    step = learner.env.step
    monkeypatch.setattr(learner.env, "step", lambda actions: (real.append(len(actions)), step(actions))[1])
    learner.learn(200)
    assert learner.num_timesteps == sum(real) == learner.transitions.count == 200


def test_nothing_is_learnt_before_the_warm_up_is_over() -> None:
    learner = agent(warm_up=10_000)
    before = {name: value.copy() for name, value in learner.parameters_tree().items()}
    learner.learn(200)
    assert all(np.array_equal(before[name], value) for name, value in learner.parameters_tree().items())


def test_imagination_moves_no_real_env() -> None:
    learner = agent()
    learner.learn(120)
    before = learner.get_state()
    learner.imagine()
    learner._improve_policy()
    after = learner.get_state()
    for name in ("env", "observed"):
        assert str(before[name]) == str(after[name])
    assert after["counters"] == before["counters"]


def test_steps_are_kept_with_what_followed_them() -> None:
    """At an end the last observation follows, not the next episode's first; a cut is no end."""
    learner = agent(warm_up=10_000)
    learner.learn(400)
    seen, _, following, rewards, terminated = learner.transitions.everything()
    fallen = (following[:, 2].abs() > 12 * 2 * np.pi / 360) | (following[:, 0].abs() > 2.4)
    assert torch.equal(fallen, terminated)
    assert terminated.any()
    assert (rewards == 1).all()
    torch.testing.assert_close(following[:, 0], seen[:, 0] + 0.02 * seen[:, 1], atol=1e-5, rtol=0)


def test_imagined_starts_were_really_seen() -> None:
    learner = agent()
    learner.learn(120)
    seen = {tuple(row) for row in learner.transitions.everything().observations.tolist()}
    assert {tuple(row) for row in learner.imagined.begin().tolist()} <= seen


def test_storage_grows() -> None:
    transitions, rng = Transitions(3, 1, "cpu"), np.random.default_rng(0)
    added = [
        (
            rng.normal(size=(700, 3)),
            rng.normal(size=(700, 1)),
            rng.normal(size=(700, 3)),
            rng.normal(size=700),
            rng.random(700) < 0.1,
        )
        for _ in range(4)
    ]
    for step in added:
        transitions.add(*step)
    for column, parts in zip(transitions.everything(), zip(*added, strict=True), strict=True):
        np.testing.assert_allclose(column, np.concatenate(parts).astype(column.numpy().dtype))


@pytest.mark.parametrize("stop", [40, 120])
def test_resumes_exactly(stop: int, tmp_path) -> None:
    whole = agent(seed=3)
    whole.learn(240)
    first = agent(seed=3)
    first.learn(stop)
    write_tree(tmp_path / "saved", {"agent": first.get_state(), "rng": get_rng_state()})
    second = agent(seed=3)
    saved = read_tree(tmp_path / "saved")
    second.set_state(saved["agent"])
    set_rng_state(saved["rng"])
    second.learn(240 - stop, reset_num_timesteps=False)
    one, two = whole.parameters_tree(), second.parameters_tree()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert all(map(torch.equal, whole.ensemble.state_dict().values(), second.ensemble.state_dict().values()))


def test_box_actions_are_imagined_too() -> None:
    learner = agent(task=Sprites(reward=EnvReward()))
    learner.learn(160)
    assert learner._n_updates == 3


def test_pictures_are_refused_with_an_alternative() -> None:
    with pytest.raises(UserError, match="take algo=world_model"):
        agent(task=Sprites(reward=EnvReward(), observation="image"))
