"""Upstream's policies with less work around them: what they are given stays what it was."""

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy

from rlsuite.algos.accelerated.policies import quick


@pytest.fixture
def policies():
    env = make_vec_env("CartPole-v1", n_envs=2)
    upstream, ours = (
        PPO(kind, env, seed=0, device="cpu").policy for kind in (ActorCriticPolicy, quick(ActorCriticPolicy))
    )
    return upstream, ours


@pytest.mark.parametrize(
    "seen",
    [np.ones((2, 4), np.float32), np.ones(4, np.float32), np.ones((2, 4)), np.ones((0, 4), np.float32)],
    ids=["envs", "one", "doubles", "none"],
)
def test_observations_become_upstreams_tensors(policies, seen):
    (tensor, vectorised), (other, as_well) = (policy.obs_to_tensor(seen) for policy in policies)
    assert torch.equal(tensor, other) and tensor.dtype == other.dtype
    assert vectorised == as_well


def test_the_tensor_is_a_copy(policies):
    seen = np.zeros((2, 4), np.float32)  # envs write the next observation where the last one stood
    tensor, _ = policies[1].obs_to_tensor(seen)
    seen += 1
    assert not tensor.any()


def test_a_wrong_shape_is_refused_as_upstream_refuses_it(policies):
    for policy in policies:
        with pytest.raises(ValueError, match="observation"):
            policy.obs_to_tensor(np.ones((2, 3), np.float32))
