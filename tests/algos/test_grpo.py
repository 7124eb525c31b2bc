"""GRPO: advantages by hand, groups that begin alike, whole episodes, known optima, what is refused."""

import numpy as np
import pytest
import torch
from agents import make
from gymnasium import spaces

from rlsuite.algos.buffers.groups import GroupBuffer, group_advantages
from rlsuite.algos.grpo import GRPO
from rlsuite.config.compose import compose
from rlsuite.config.instantiate import build
from rlsuite.config.validate import find_problems
from rlsuite.core.errors import UserError
from rlsuite.core.interfaces import Task
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.envs.game2048.task import Game2048
from rlsuite.envs.minigrid import MiniGrid
from rlsuite.experiment.rollouts import play_episodes
from rlsuite.rewards.env import EnvReward
from rlsuite.rewards.merge_score import MergeScore
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.gar import GAR
from rlsuite.techniques.reg import Reg

TECHNIQUES = {"baseline": Baseline, "reg": lambda: Reg(weight_decay=2.0), "gar": GAR}
RETURNS = np.array([1.0, 5.0, 3.0, 5.0])  # two groups of two: envs 0 and 2, envs 1 and 3


def learner(task=None, technique="baseline", **more):
    arguments = {"groups": 3, "group_size": 2, "batch_size": 32, "n_epochs": 2, "log_every": 0, "seed": 1}
    return make(
        GRPO,
        task=task or CartPole(reward=EnvReward(), max_steps=60),
        technique=TECHNIQUES[technique](),
        **(arguments | more),
    )


def test_advantage_is_the_return_minus_the_mean_of_the_group() -> None:
    advantages, differs = group_advantages(RETURNS, 2)
    assert advantages.tolist() == [-1.0, 0.0, 1.0, 0.0]
    assert differs.tolist() == [True, False, True, False]


def test_advantages_are_scaled_and_clipped() -> None:
    own, _ = group_advantages(np.array([0.0, 0.0, 2.0, 6.0]), 2, "group")
    np.testing.assert_allclose(own, np.array([-1, -3, 1, 3]) / (np.array([1, 3, 1, 3]) + 1e-4))
    common, _ = group_advantages(np.array([0.0, 0.0, 2.0, 6.0]), 2, "global")
    np.testing.assert_allclose(common, np.array([-1, -3, 1, 3]) / (np.sqrt(5) + 1e-4))
    clipped, _ = group_advantages(np.array([0.0, 0.0, 2.0, 6.0]), 2, clip=2.0)
    assert clipped.tolist() == [-1.0, -2.0, 1.0, 2.0]


@pytest.mark.parametrize(("masked", "steps"), [(True, 3), (False, 5)])
def test_envs_that_ended_add_no_step_and_constant_groups_can_be_left_out(masked, steps) -> None:
    space = spaces.Box(-9, 9, (1,))
    buffer = GroupBuffer(0, space, spaces.Discrete(2), n_envs=4, groups=2, n_domains=2)
    for t, active in enumerate(([True] * 4, [True, False, False, False])):
        ones = np.full((4, 1), t, dtype=np.float32)
        buffer.add(ones, np.arange(4)[:, None], np.zeros(4, np.float32), RETURNS / (1 + t), np.array(active))
    assert buffer.returns.tolist() == [1.5, 5, 3, 5]
    assert buffer.lengths.tolist() == [2, 1, 1, 1]
    buffer.finish("none", None, masked)
    (batch,) = buffer.get()
    assert len(buffer) == len(batch.domains) == steps
    of_env = dict(zip(batch.actions[:, 0].tolist(), batch.advantages.tolist(), strict=True))
    assert of_env == ({0: -0.75, 2: 0.75} if masked else {0: -0.75, 1: 0.0, 2: 0.75, 3: 0.0})
    assert torch.equal(batch.domains, batch.actions[:, 0] % 2)


TASKS = {
    "cartpole": lambda: CartPole(reward=EnvReward(), shift="wide"),
    "minigrid": lambda: MiniGrid(reward=EnvReward()),
    "game2048": lambda: Game2048(reward=MergeScore()),
}


@pytest.mark.parametrize("name", TASKS)
def test_equal_seeds_give_equal_episodes(name) -> None:
    task = TASKS[name]()
    assert "repeatable start" in task.offers
    env = task.vec_env([0.0, 1.0], 4, seed=0)
    env.reset()
    first = env.restart([5, 5, 5, 6])
    assert np.array_equal(first[0], first[2])
    rng = np.random.default_rng(0)
    for _ in range(30):  # over ends of episodes too
        actions = np.repeat(rng.integers(env.action_space.n, size=1), 4)
        seen, rewards, dones, _ = env.step(actions)
        assert np.array_equal(seen[0], seen[2])
        assert (rewards[0], dones[0]) == (rewards[2], dones[2])
    assert np.array_equal(env.restart([5, 5, 5, 6]), first)


def test_groups_begin_alike_and_every_env_plays_one_episode() -> None:
    agent = learner(technique="gar", groups=6)
    seen = []
    act = agent._act
    agent._act = lambda observations: seen.append(observations) or act(observations)
    agent.learn(1)
    buffer = agent.rollout_buffer
    assert np.array_equal(seen[0][:6], seen[0][6:])
    assert len(np.unique(seen[0][:6], axis=0)) == 6
    assert agent.num_timesteps == buffer.lengths.sum() == buffer.returns.sum()
    assert agent.env.venv.env_levels.tolist() == [0.0, 0.25, 0.5] * 4
    assert len(agent.ep_info_buffer) == 12


def test_first_step_is_the_policy_gradient() -> None:
    agent = learner(mask_constant_groups=False, scale_advantage="none")
    agent.learn(1)
    agent._n_updates = 99
    from stable_baselines3.common.callbacks import CallbackList

    silent = CallbackList([])
    silent.init_callback(agent)
    agent.collect_rollouts(agent.env, silent, agent.rollout_buffer, 0)
    (batch,) = agent.rollout_buffer.get()
    agent.policy.zero_grad()
    loss, metrics = agent._loss(batch)(slice(None))
    loss.backward()
    found = [p.grad.clone() for p in agent.policy.parameters() if p.grad is not None]
    agent.policy.zero_grad()
    log_prob = agent.policy.get_distribution(batch.observations).log_prob(batch.actions.flatten())
    (-(batch.advantages * log_prob).mean()).backward()
    expected = [p.grad for p in agent.policy.parameters() if p.grad is not None]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert float(metrics["clip_fraction"]) == 0


def test_the_reference_is_the_policy_of_the_start() -> None:
    agent = learner(kl_coef=10.0, learning_rate=1e-2)
    agent.learn(200)
    agent._remember_reference(agent.rollout_buffer)
    buffer = agent.rollout_buffer
    fresh = learner(kl_coef=10.0)
    expected = fresh.policy.evaluate_actions(
        buffer.columns["observations"], buffer.columns["actions"].flatten()
    )[1]
    torch.testing.assert_close(buffer.columns["reference_log_prob"], expected.detach(), rtol=1e-5, atol=1e-6)


def test_the_kl_term_holds_the_policy_near_the_start() -> None:
    seen = torch.rand(200, 4, generator=torch.Generator().manual_seed(0)) - 0.5
    start = learner().policy.get_distribution(seen).distribution
    distances = []
    for kl_coef in (0.0, 3.0):
        agent = learner(kl_coef=kl_coef, learning_rate=3e-3)
        agent.learn(3000)
        now = agent.policy.get_distribution(seen).distribution
        distances.append(float(torch.distributions.kl_divergence(start, now).mean().detach()))
    assert distances[1] < 0.5 * distances[0]


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_resumes_exactly(technique, tmp_path) -> None:
    arguments = {"kl_coef": 0.01, "lr_schedule": "linear", "technique": technique}
    whole = learner(**arguments)
    whole.learn(600)
    write_tree(tmp_path / "saved", {"agent": whole.get_state(), "rng": get_rng_state()})
    whole.learn(600, reset_num_timesteps=False)
    seed_everything(99)
    resumed = learner(**arguments)
    resumed.learn(1)
    saved = read_tree(tmp_path / "saved")
    resumed.set_state(saved["agent"])
    set_rng_state(saved["rng"])
    resumed.learn(600, reset_num_timesteps=False)
    assert resumed.num_timesteps == whole.num_timesteps
    for name, value in whole.parameters_tree().items():
        assert np.isfinite(value).all()
        assert np.array_equal(value, resumed.parameters_tree()[name]), name


def test_evaluation_changes_nothing() -> None:
    ended = []
    for judged in (False, True):
        agent = learner()
        agent.learn(450)
        if judged:
            play_episodes(
                agent, CartPole(reward=EnvReward()).vec_env([0.0], 2, 5), 2, deterministic=False, seed=7
            )
        agent.learn(450, reset_num_timesteps=False)
        ended.append(agent)
    assert ended[0].num_timesteps == ended[1].num_timesteps
    for one, other in zip(ended[0].policy.parameters(), ended[1].policy.parameters(), strict=True):
        assert torch.equal(one, other)


class Places(BatchedVecEnv):
    """Four places of a 2x2 map; an episode is one decision. Best: take two, first the marked one, then its opposite."""

    state_arrays = ("marked",)

    def __init__(self, levels, n_envs):
        super().__init__(
            levels, n_envs, spaces.Box(0, 1, (1, 2, 2), np.float32), spaces.MultiDiscrete([3, 4, 4, 4, 4])
        )
        self.marked = np.zeros(n_envs, dtype=np.int64)

    def _start(self, envs):
        self.marked[envs] = [self.rngs[i].integers(4) for i in envs]

    def _advance(self, actions):
        two = actions[:, 0] == 1
        first, second = actions[:, 1] == self.marked, actions[:, 2] == 3 - self.marked
        ended = np.ones(self.num_envs, dtype=bool)
        return (1.0 * two + first + first * second) / 3, ended, ~ended, {}

    def _observe(self):
        return np.eye(4, dtype=np.float32)[self.marked].reshape(-1, 1, 2, 2)


class PlacesTask(Task):
    """Its prior takes one place, the last: neither is right."""

    def vec_env(self, levels, n_envs, seed):
        env = Places(levels, n_envs)
        env.seed(seed)
        return env

    def prior(self, observations):
        return np.tile(np.array([1.0, 0, 0, 0, 0, 0, 1.0]), (len(observations), 1))

    def legal_actions(self, observations):
        return np.ones((len(observations), 7), dtype=bool)


def places_learner(**more):
    return learner(
        PlacesTask(), groups=16, group_size=8, batch_size=128, n_epochs=4, learning_rate=3e-3, **more
    )


def test_begins_as_the_prior_and_learns_counts_and_places() -> None:
    agent = places_learner(ent_coef=0.002)
    env = PlacesTask().vec_env([0.0], 4, seed=3)
    seen = np.eye(4, dtype=np.float32).reshape(4, 1, 2, 2)
    actions, _ = agent.predict(seen, deterministic=True)
    assert (actions[:, :2] == [0, 3]).all()
    agent.learn(12_000)
    played = play_episodes(agent, env, 40, deterministic=True, seed=0)
    assert np.mean(played["returns"]) > 0.95


def test_temperature_flattens_what_is_drawn_and_not_what_is_best() -> None:
    seen = np.eye(4, dtype=np.float32).reshape(4, 1, 2, 2)
    likeliest = []
    for temperature in (0.5, 1.0, 4.0):
        agent = places_learner(temperature=temperature)
        assert (agent.predict(seen, deterministic=True)[0][:, 0] == 0).all()
        counts = agent.policy.get_distribution(torch.as_tensor(seen)).counts
        likeliest.append(float(counts.probs[0, 0].detach()))
    assert likeliest[0] > likeliest[1] > likeliest[2] > 1 / 3
    with pytest.raises(UserError, match=r"algo\.temperature=2\.0 is for envs with a prior"):
        learner(temperature=2.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("algo=grpo algo.group_size=1", "algo.group_size=1: must be a whole number > 1"),
        (
            "algo=grpo env=starpilot",
            "algo=grpo with env=starpilot: it needs repeatable starts, which that env does not give; take algo=ppo",
        ),
        (
            "algo=grpo technique=gar algo.groups=8",
            "technique=gar with algo=grpo: its 3 levels (0, 0.25, 0.5) cannot have equally many of "
            "algo.groups=8; take algo.groups=9 or algo.groups=6",
        ),
    ],
)
def test_what_cannot_be_is_refused(line, message) -> None:
    (problem,) = find_problems(compose(line.split()))
    assert problem.startswith(message)


def test_measures_agreement_on_whole_episodes() -> None:
    from rlsuite.algos.common.probe import Probe

    agent = learner()
    agent.learn(1)
    steps = agent.num_timesteps
    gram = agent.probe_gram(Probe(CartPole(reward=EnvReward(), max_steps=60), [0.0, 0.5], 4, 8, seed=0))
    assert gram.shape == (4, 4)
    assert (np.diag(gram) > 0).all()
    assert agent.num_timesteps == steps


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_learns_cartpole(seed) -> None:
    cfg = compose(["env=cartpole", "algo=grpo", "algo.log_every=0"])
    seed_everything(seed)
    task = build(cfg.env, reward=build(cfg.reward))
    agent = build(cfg.algo, task=task, technique=Baseline(), seed=seed, device="cpu")
    agent.learn(cfg.total_steps)
    played = play_episodes(agent, task.vec_env([0.0], 20, seed=10**6), 20, deterministic=True, seed=0)
    assert np.mean(played["returns"]) > 450
