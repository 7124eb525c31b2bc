"""What sb3-contrib's algorithms share: exact resume, techniques, models that load without this package."""

from itertools import product

import numpy as np
import pytest
import sb3_contrib
import torch
from agents import make

from rlsuite.algos.ars import ARS
from rlsuite.algos.ppo_recurrent import RecurrentPPO
from rlsuite.algos.qrdqn import QRDQN
from rlsuite.core.errors import Diverged
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.dr import DR
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.reg import Reg

LEARNERS = {
    "qrdqn": (
        QRDQN,
        {"n_envs": 3, "learning_starts": 90, "buffer_size": 300, "n_quantiles": 8, "n_steps": 2},
    ),
    "ppo_recurrent": (
        RecurrentPPO,
        {
            "n_envs": 3,
            "n_steps": 16,
            "batch_size": 24,
            "n_epochs": 2,
            "lstm_hidden_size": 8,
            "lr_schedule": "linear",
        },
    ),
    "ars": (ARS, {"n_envs": 3, "n_delta": 2, "lr_schedule": "linear"}),
}
TECHNIQUES = {"baseline": Baseline, "dr": DR, "reg": lambda: Reg(weight_decay=2.0), "gar": GAR}
PAIRS = [
    pair
    for pair in product(LEARNERS, TECHNIQUES)
    if pair[1] in (LEARNERS[pair[0]][0].techniques or TECHNIQUES)
]


def learner(algo, technique="baseline", **more):
    cls, arguments = LEARNERS[algo]
    return make(
        cls,
        task=CartPole(reward=EnvReward()),
        technique=TECHNIQUES[technique](),
        seed=1,
        **(arguments | more),
    )


class Saver:
    """Saves at the beginning of the first rollout after ``step`` steps, where runs take their checkpoints."""

    def __init__(self, step, folder):
        from stable_baselines3.common.callbacks import BaseCallback

        class Callback(BaseCallback):
            def _on_rollout_start(self):
                if self.model.num_timesteps >= step and not folder.exists():
                    write_tree(folder, {"agent": self.model.get_state(), "rng": get_rng_state()})

            def _on_step(self):
                assert len(self.locals["dones"]) == len(self.locals["infos"])
                return True

        self.callback = Callback()


@pytest.mark.parametrize(("algo", "technique"), PAIRS)
def test_resumes_exactly(algo, technique, tmp_path):
    whole = learner(algo, technique)
    whole.learn(1200, callback=Saver(500, tmp_path / "saved").callback)
    seed_everything(99)
    resumed = learner(algo, technique)
    resumed.learn(1)
    saved = read_tree(tmp_path / "saved")
    resumed.set_state(saved["agent"])
    assert 500 <= resumed.num_timesteps < 1200
    set_rng_state(saved["rng"])
    resumed.learn(1200 - resumed.num_timesteps, reset_num_timesteps=False)
    assert resumed.num_timesteps == whole.num_timesteps
    for name, value in whole.parameters_tree().items():
        assert np.isfinite(value).all()
        assert np.array_equal(value, resumed.parameters_tree()[name]), name


@pytest.mark.parametrize("algo", LEARNERS)
def test_reg_shrinks_the_weights(algo):
    more = {"zero_policy": False, "policy": "mlp"} if algo == "ars" else {"learning_rate": 1e-3}
    sizes = []
    for technique in ("baseline", "reg"):
        agent = learner(algo, technique, **more)
        agent.technique.weight_decay = 20.0
        sizes.append(sum(p.norm() for p in agent.learn(1500).policy.parameters() if p.ndim > 1))
    assert sizes[1] < 0.95 * sizes[0]


@pytest.mark.parametrize("algo", LEARNERS)
def test_saved_model_loads_in_plain_sb3_contrib(algo, tmp_path):
    agent = learner(algo)
    agent.learn(100)
    agent.save(tmp_path / "model.zip")
    loaded = getattr(sb3_contrib, LEARNERS[algo][0].__name__).load(tmp_path / "model.zip")
    for name, value in loaded.policy.state_dict().items():
        assert torch.equal(value, agent.policy.state_dict()[name])


def test_numbers_that_are_not_finite_end_the_run():
    agent = learner("ppo_recurrent", vf_coef=float("inf"))
    before = agent.parameters_tree()["action_net.weight"].copy()
    with pytest.raises(Diverged):
        agent.learn(100)
    assert np.array_equal(before, agent.parameters_tree()["action_net.weight"])
    with pytest.raises(Diverged):
        learner("ars", learning_rate=float("inf"), lr_schedule="constant").learn(2000)
