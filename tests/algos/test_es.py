"""ES: ranks and steps by hand, the batched population against single members, known optima, exact resume."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rlsuite.algos.common.evolution import EvolutionStrategy, centred_ranks
from rlsuite.algos.es import ES
from rlsuite.algos.policies.population import ESPolicy
from rlsuite.config.settings import compose_settings
from rlsuite.core.errors import Diverged
from rlsuite.core.interfaces import Task
from rlsuite.core.seeding import get_rng_state, seed_everything, set_rng_state
from rlsuite.envs.cartpole import CartPole
from rlsuite.envs.common.vec_env import BatchedVecEnv
from rlsuite.experiment.rollouts import evaluate_level
from rlsuite.experiment.run import run
from rlsuite.networks.population import Population
from rlsuite.networks.running_norm import RunningNorm
from rlsuite.rewards.env import EnvReward
from rlsuite.runs.checkpoint import read_tree, write_tree
from rlsuite.techniques.baseline import Baseline
from rlsuite.techniques.dr import DR
from rlsuite.techniques.reg import Reg


class Target(BatchedVecEnv):
    """One step an episode; the reward is minus the squared distance of the action to ``aim``."""

    aim = np.array([0.3, -0.5], dtype=np.float32)

    def _start(self, envs): ...

    def _advance(self, actions):
        ends = np.ones(self.num_envs, dtype=bool)
        return -np.square(actions - self.aim).sum(axis=1), ends, ~ends, {}

    def _observe(self):
        return np.ones((self.num_envs, 1), dtype=np.float32)


class TargetTask(Task):
    def vec_env(self, levels, n_envs, seed):
        return Target(levels, n_envs, spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (2,)))


def es(task=None, technique=None, **arguments):
    return ES(
        task=task or CartPole(reward=EnvReward()), technique=technique or Baseline(), seed=1, **arguments
    )


def test_ranks_are_centred_and_ties_share_theirs():
    assert centred_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    # ranks 0, 1, 2, 3, 4: the two 7s share 1.5, the two 9s 3.5
    assert centred_ranks(np.array([7.0, 9.0, 1.0, 9.0, 7.0])).tolist() == [-0.125, 0.375, -0.5, 0.375, -0.125]
    assert not centred_ranks(np.full(4, 500.0)).any()


def test_members_are_ranked_on_their_own_level():
    agent = es(technique=DR(), population=6)
    assert agent.env.venv.env_levels.tolist() == [0.0, 0.25, 0.5] * 2
    assert (
        agent.env.venv.env_levels[:3].tolist() == agent.env.venv.env_levels[3:].tolist()
    )  # mirrored members
    returns = np.array([[1.0], [300.0], [20.0], [2.0], [200.0], [20.0]])
    assert agent.utilities(returns).tolist() == [-0.5, 0.5, 0.0, 0.5, -0.5, 0.0]
    several = es(technique=DR(), population=2, episodes=3)
    assert several.utilities(np.array([[1.0, 5.0, 9.0], [2.0, 4.0, 9.5]])).tolist() == pytest.approx(
        [-1 / 6, 1 / 6]
    )


def test_a_dead_end_is_where_no_episode_beats_the_middle_one_of_its_level():
    one = es(population=4)
    assert one._at_dead_end(np.array([[0.0], [0.0], [-1.0], [0.0]]))
    assert not one._at_dead_end(np.array([[0.0], [0.0], [-1.0], [0.1]]))
    levels = es(technique=DR(), population=2, episodes=3)
    assert levels._at_dead_end(np.array([[0.0, 5.0, 9.0], [0.0, 5.0, 9.0]]))  # each level among itself
    assert not levels._at_dead_end(np.array([[0.0, 5.0, 9.0], [0.0, 5.0, 9.5]]))


def test_from_a_dead_end_the_search_begins_anew():
    class Flat(Target):
        def _advance(self, actions):
            ends = np.ones(self.num_envs, dtype=bool)
            return np.zeros(self.num_envs), ends, ~ends, {}

    class FlatTask(Task):
        def vec_env(self, levels, n_envs, seed):
            return Flat(levels, n_envs, spaces.Box(-1, 1, (1,)), spaces.Box(-1, 1, (2,)))

    for restart in (False, True):
        agent = es(FlatTask(), population=4, restart=restart)
        before = parameters_to_vector(agent.policy.net.parameters()).clone()
        agent.learn(4)
        moved = not torch.equal(before, parameters_to_vector(agent.policy.net.parameters()))
        assert moved == restart
        last = [module for module in agent.policy.net if isinstance(module, torch.nn.Linear)][-1]
        assert last.weight.abs().max() < 0.01  # near zero, as a first one
        assert not last.bias.any()


def test_a_step_follows_the_weighted_noise():
    agent = es(population=4, sigma=0.5, weight_decay=0.0)
    agent._setup_learn(1)
    n = len(parameters_to_vector(agent.policy.net.parameters()))
    noise = torch.zeros(4, n)
    noise[0, 0], noise[2, 0] = 1.0, -1.0
    agent._update(noise, np.array([0.5, -0.1, -0.5, 0.1]))
    first = next(agent.policy.net.parameters())
    assert first.grad.flatten()[0] == -(0.5 + 0.5) / (4 * 0.5)  # minimised, so minus the ascent
    assert first.grad.count_nonzero() == 1


def test_nothing_moves_where_all_members_do_equally_well():
    agent = es(population=4)
    agent._setup_learn(1)
    before = parameters_to_vector(agent.policy.net.parameters()).clone()
    agent._update(torch.randn(4, len(before)), np.zeros(4))
    assert torch.equal(before, parameters_to_vector(agent.policy.net.parameters()))


@pytest.mark.parametrize(
    "space",
    [spaces.Box(-1, 1, (5,)), spaces.Box(0, 255, (3, 64, 64), np.uint8), spaces.Box(0, 1, (2, 8, 8))],
    ids=["vector", "pixels", "map"],
)
@pytest.mark.parametrize("actions", [spaces.Discrete(4), spaces.Box(-2, 2, (2,))], ids=["discrete", "box"])
def test_the_population_acts_as_its_members_one_by_one(space, actions):
    torch.manual_seed(0)
    policy = ESPolicy(space, actions, lambda _: 0.1)
    members = torch.randn(3, len(parameters_to_vector(policy.net.parameters()))) * 0.3
    observations = np.stack([space.sample() for _ in range(6)])
    with torch.no_grad():
        together = policy.act(Population(policy.net, members), observations)
        for m, member in enumerate(members):
            vector_to_parameters(member, policy.net.parameters())
            alone, _ = policy.predict(observations[2 * m : 2 * m + 2], deterministic=True)
            np.testing.assert_allclose(together[2 * m : 2 * m + 2], alone, atol=1e-5)


def test_pixel_networks_are_small():
    policy = ESPolicy(spaces.Box(0, 255, (12, 64, 64), np.uint8), spaces.Discrete(15), lambda _: 0.1)
    assert sum(p.numel() for p in policy.parameters()) < 10_000


def test_a_population_refuses_layers_it_cannot_batch():
    net = torch.nn.Sequential(torch.nn.LayerNorm(3))
    with pytest.raises(ValueError, match="LayerNorm"):
        Population(net, torch.ones(2, 6))


def test_running_norm_is_that_of_all_observations():
    norm, data = RunningNorm(2), np.random.default_rng(0).normal(3, 2, (300, 2))
    for part in (data[:100], data[100:]):
        norm.update(len(part), part.sum(0), np.square(part).sum(0))
    np.testing.assert_allclose(norm.mean.numpy(), data.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.std.numpy(), data.std(0), rtol=1e-5)


def test_only_steps_of_the_first_episode_count():
    agent = es(population=6)
    agent._setup_learn(10**6)
    centre = parameters_to_vector(agent.policy.net.parameters()).detach()
    returns = agent.evaluate(centre + torch.randn(6, len(centre)))
    assert agent.num_timesteps == returns.sum() == float(agent.policy.normalizer.count)  # one a step


def test_a_known_optimum_is_found():
    agent = es(
        TargetTask(), population=20, sigma=0.05, learning_rate=0.02, lr_schedule="linear", net_arch=[4]
    )
    agent.learn(8000)
    action, _ = agent.predict(np.ones((1, 1), dtype=np.float32))
    np.testing.assert_allclose(action[0], Target.aim, atol=0.02)


def test_cartpole_is_learnt_within_the_budget():
    agent = es()
    agent.learn(50_000)
    assert 50_000 <= agent.num_timesteps < 50_000 + agent.population
    assert (
        np.mean(evaluate_level(agent, CartPole(reward=EnvReward()), 0, 50, 50, 1)["greedy"]["returns"]) >= 475
    )


@pytest.mark.parametrize(
    "technique", [Baseline, DR, lambda: Reg(weight_decay=1.0)], ids=["baseline", "dr", "reg"]
)
def test_resumes_exactly(technique, tmp_path):
    whole = es(technique=technique())
    whole.learn(2000)
    write_tree(tmp_path / "saved", {"agent": whole.get_state(), "rng": get_rng_state()})
    whole.learn(2000, reset_num_timesteps=False)
    seed_everything(99)
    resumed = es(technique=technique())
    resumed.learn(1)
    saved = read_tree(tmp_path / "saved")
    resumed.set_state(saved["agent"])
    set_rng_state(saved["rng"])
    resumed.learn(2000, reset_num_timesteps=False)
    for name, value in whole.parameters_tree().items():
        assert np.array_equal(value, resumed.parameters_tree()[name]), name


def test_reg_shrinks_the_weights():
    plain, decayed = es(weight_decay=0.0), es(weight_decay=0.0, technique=Reg(weight_decay=5.0))
    sizes = [
        sum(p.norm() for p in one.learn(3000).policy.net.parameters() if p.ndim > 1)
        for one in (plain, decayed)
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_gar_is_left_out_and_the_result_says_so(tmp_path):
    small = ["algo=es", "total_steps=600", "evaluation.episodes=1", "evaluation.levels=[0]"]
    fallen = run(compose_settings([*small, "technique=gar+reg"]), tmp_path / "gar")
    plain = run(compose_settings([*small, "technique=reg"]), tmp_path / "reg")
    assert fallen.technique_applied == plain.technique_applied == ["reg"]
    assert fallen.parameter_hash == plain.parameter_hash


def test_saved_model_loads_without_a_task(tmp_path):
    agent = es()
    agent.learn(500)
    agent.save(tmp_path / "model.zip")
    loaded = EvolutionStrategy.load(tmp_path / "model.zip")
    states = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    assert np.array_equal(loaded.predict(states)[0], agent.predict(states)[0])


def test_returns_that_are_no_numbers_end_the_run():
    class Broken(TargetTask):
        def vec_env(self, levels, n_envs, seed):
            env = super().vec_env(levels, n_envs, seed)
            env.aim = np.full(2, np.nan, dtype=np.float32)
            return env

    with pytest.raises(Diverged):
        es(Broken()).learn(100)
