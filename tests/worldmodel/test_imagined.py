"""The imagined env: that of a known model, step by step; an ensemble that learns a known world; the face of a vector env."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from rlsuite.worldmodel.ensemble import Ensemble
from rlsuite.worldmodel.imagined import ImaginedVecEnv, action_vectors

SPACE = spaces.Box(-9, 9, (2,))


class Known:
    """x moves by -1 or 1 and is rewarded with itself; the end is where it reaches 3. The second number is the member's."""

    members, observation = 2, 2

    def step(self, observations, actions, members):
        x = observations[:, 0] + actions[:, 1] - actions[:, 0]
        return torch.stack([x, members.float()], 1), x, (x >= 3).float()


def env(n: int = 3, horizon: int = 4) -> ImaginedVecEnv:
    return ImaginedVecEnv(Known(), lambda count: torch.zeros(count, 2), n, horizon, SPACE, spaces.Discrete(2))


def test_steps_end_and_begin_anew_as_in_a_real_vector_env() -> None:
    envs = env()
    assert envs.reset().tolist() == [[0, 0]] * 3
    actions = np.array([1, 1, 0])
    for t in (1, 2):
        seen, rewards, dones, infos = envs.step(actions)
        assert seen[:, 0].tolist() == rewards.tolist() == [t, t, -t]
        assert not dones.any()
    seen, rewards, dones, infos = envs.step(np.array([1, 0, 0]))
    assert rewards.tolist() == [3, 1, -3]
    assert dones.tolist() == [True, False, False]
    assert infos[0]["terminal_observation"][0] == 3
    assert not infos[0]["TimeLimit.truncated"]
    assert seen[:, 0].tolist() == [0, 1, -3]
    seen, rewards, dones, infos = envs.step(actions)
    assert dones.tolist() == [False, True, True]  # the first began anew; for the others the horizon is over
    assert infos[2]["TimeLimit.truncated"]
    assert infos[2]["terminal_observation"][0] == -4
    assert seen[:, 0].tolist() == [1, 0, 0]


def test_each_step_draws_a_member() -> None:
    torch.manual_seed(0)
    envs = env(500, 100)
    envs.reset()
    drawn = [envs.step(np.zeros(500, dtype=int))[0][:, 1].mean() for _ in range(4)]
    assert all(0.4 < share < 0.6 for share in drawn)


def test_actions_become_vectors() -> None:
    assert action_vectors(torch.tensor([1, 0]), spaces.Discrete(2)).tolist() == [[0, 1], [1, 0]]
    box = spaces.Box(np.array([0.0, -2.0], np.float32), np.array([4.0, 2.0], np.float32))
    assert action_vectors(torch.tensor([[0.0, 0.0], [9.0, 1.0]]), box).tolist() == [[-1, 0], [1, 0.5]]


def test_members_are_independent_networks() -> None:
    ensemble = Ensemble(2, 1, members=3, hidden=4)
    seen, done = torch.randn(1, 5, 2).expand(3, -1, -1), torch.randn(1, 5, 1).expand(3, -1, -1)
    whole = ensemble(seen, done)[0]
    with torch.no_grad():
        for layer in ensemble.layers[::2]:
            layer.weight[1].zero_()
    changed = ensemble(seen, done)[0]
    assert torch.equal(whole[[0, 2]], changed[[0, 2]])
    assert not torch.equal(whole[1], changed[1])
    alone = ensemble.step(seen[0], done[0], torch.tensor([0, 2, 0, 2, 0]))[0]
    for row, member in enumerate([0, 2, 0, 2, 0]):
        torch.testing.assert_close(alone[row], seen[0, row] + changed[member, row])


def test_ensemble_learns_dynamics_reward_and_end() -> None:
    torch.manual_seed(0)
    seen, done = torch.randn(2000, 2), torch.rand(2000, 1) * 2 - 1
    following = seen + torch.cat([0.1 * seen[:, 1:], 0.2 * done], 1)
    rewards, ends = seen[:, 0] * done[:, 0], following[:, 0] > 1
    ensemble = Ensemble(2, 1, members=2, hidden=32)
    ensemble.fit(seen, following)
    optimizer = torch.optim.Adam(ensemble.parameters(), lr=3e-3)
    for _ in range(400):
        rows = torch.randint(1500, (2, 128))
        loss = sum(ensemble.loss(seen[rows], done[rows], following[rows], rewards[rows], ends[rows]).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held = slice(1500, None)
    guess, reward, end = ensemble.step(seen[held], done[held], torch.zeros(500, dtype=torch.long))
    change = (following - seen)[held]
    assert (guess - following[held]).square().mean() < 0.02 * change.square().mean()
    assert (reward - rewards[held]).square().mean() < 0.05 * rewards[held].square().mean()
    assert ((end > 0.5) == ends[held]).float().mean() > 0.95


@pytest.mark.parametrize("n", [1, 6])
def test_satisfies_stable_baselines(n: int) -> None:
    from stable_baselines3 import PPO

    PPO("MlpPolicy", env(n), n_steps=8, batch_size=4, n_epochs=1, device="cpu").learn(16)
