"""sb3-contrib's algorithms: exact resume, techniques, the recurrent state in evaluation."""

from itertools import product

import numpy as np
import pytest
import sb3_contrib
import torch

from rlsuite.algos.ars import ARS
from rlsuite.algos.ppo_recurrent import RecurrentPPO
from rlsuite.algos.qrdqn import QRDQN
from rlsuite.core.errors import Diverged
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.game2048.task import Game2048
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.rewards.env import EnvReward
from rlsuite.rewards.merge_score import MergeScore
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
    return cls(
        task=CartPole(reward=EnvReward()), technique=TECHNIQUES[technique](), seed=1, **(arguments | more)
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


def test_ars_counts_each_step_of_each_env_once():
    agent = learner("ars", "dr", n_delta=1)
    agent.learn(1)
    assert agent.num_timesteps == sum(episode["l"] for episode in agent.ep_info_buffer)
    assert len(agent.ep_info_buffer) == 2 * 3  # members x envs
    assert agent.env.venv.env_levels.tolist() == [0.0, 0.25, 0.5]


def test_the_memory_is_carried_through_evaluation_and_forgotten_between_episodes(monkeypatch):
    agent = learner("ppo_recurrent")
    agent.learn(48)
    seen, predict = [], agent.predict

    def noting(observation, state=None, episode_start=None, deterministic=False):
        seen.append((None if state is None else np.array(state), episode_start.copy()))
        return predict(observation, state, episode_start, deterministic)

    monkeypatch.setattr(agent, "predict", noting)
    evaluate_level(agent, CartPole(reward=EnvReward()), 0, 4, 2, 0)
    assert seen[0][0] is None
    assert seen[0][1].all()
    assert any(starts.any() for _, starts in seen[1:])
    assert all(state.shape == (2, 1, 2, 8) for state, starts in seen if not starts.all())
    states = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    memory = tuple(np.full((1, 2, 8), 0.7, dtype=np.float32) for _ in range(2))
    kept = predict(states, memory, np.zeros(2, dtype=bool), True)[1]
    fresh = predict(states, memory, np.ones(2, dtype=bool), True)[1]
    empty = predict(states, None, np.ones(2, dtype=bool), True)[1]
    np.testing.assert_array_equal(fresh[0], empty[0])
    assert not np.allclose(kept[0], fresh[0])


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


def test_qrdqn_never_takes_an_illegal_move():
    task = Game2048(reward=MergeScore())
    agent = QRDQN(task=task, technique=Baseline(), seed=0, n_envs=4, learning_starts=40, n_quantiles=4)
    agent.learn(400)
    observations = agent.env.reset()
    legal = task.legal_actions(observations)
    for deterministic in (True, False):
        actions, _ = agent.predict(observations, deterministic=deterministic)
        assert legal[np.arange(4), actions].all()
