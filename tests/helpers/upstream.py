"""Our learners beside those they equal: the same settings, seed and steps on CartPole, then every parameter."""

import torch
from agents import make
from stable_baselines3.common.env_util import make_vec_env

from rlsuite.envs.cartpole import CartPole
from rlsuite.rewards.env import EnvReward
from rlsuite.techniques.baseline import Baseline


def assert_equal_parameters(ours, theirs, steps, *, policy="MlpPolicy", upstream=None, **arguments):
    """Train both for ``steps``; ``upstream`` are arguments that theirs alone needs."""
    learner = make(ours, task=CartPole(reward=EnvReward()), technique=Baseline(), seed=3, **arguments)
    learner.learn(steps)
    env = make_vec_env("CartPole-v1", n_envs=arguments.pop("n_envs"), seed=3)
    reference = theirs(policy, env, seed=3, device="cpu", **arguments, **(upstream or {}))
    reference.learn(steps)
    assert learner.num_timesteps == reference.num_timesteps
    for key, value in reference.policy.state_dict().items():
        assert torch.equal(value, learner.policy.state_dict()[key]), key


def assert_loads(theirs, learner, path):
    """Save ``learner``, load it with the library's class, compare every parameter; return what was loaded."""
    learner.save(path)
    loaded = theirs.load(path)
    for key, value in loaded.policy.state_dict().items():
        assert torch.equal(value, learner.policy.state_dict()[key]), key
    return loaded
