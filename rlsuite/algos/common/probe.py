"""Envs of their own on which a learner's loss can be looked at without a trace in its learning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from rlsuite.algos.buffers.groups import GroupBuffer, GroupSamples
from rlsuite.algos.buffers.replay import DomainReplayBuffer, ReplaySamples
from rlsuite.algos.buffers.rollout import DomainRolloutBuffer, RolloutSamples
from rlsuite.algos.common.state import env_state, set_env_state
from rlsuite.core.interfaces import Task, Tree
from rlsuite.core.seeding import derive, isolated


class Probe:
    """A vector env that continues from one look to the next; env i belongs to group ``i % n_groups``.

    Group g plays ``levels[g % len(levels)]``; g < len(levels) is the first half of that level's envs, the rest the
    second. All that is drawn at random in a look comes from streams seeded by the run's seed and the number of the look.
    """

    def __init__(self, task: Task, levels: Sequence[float], envs: int, n_steps: int, seed: int) -> None:
        self.n_groups, self.n_steps, self.looks = 2 * len(levels), n_steps, 0
        self.seed = derive(seed, "probe")
        with isolated(self.seed):
            self.env: VecEnv = task.vec_env(levels, self.n_groups * envs, self.seed)
            self.observations = self.env.reset()
        self.starts = np.ones(self.env.num_envs, dtype=bool)

    @contextmanager
    def look(self) -> Iterator[None]:
        """Run the body on this look's random streams."""
        self.looks += 1
        with isolated((self.seed + self.looks) % 2**31):
            yield

    def get_state(self) -> Tree:
        """Return the envs' exact state."""
        return {
            "looks": self.looks,
            "observations": self.observations.copy(),
            "starts": self.starts.copy(),
            "env": env_state(self.env),
        }

    def set_state(self, state: Tree) -> None:
        """Continue from ``get_state``'s tree."""
        self.looks, self.observations, self.starts = state["looks"], state["observations"], state["starts"]
        set_env_state(self.env, state["env"])


def on_policy_samples(agent: Any, probe: Probe) -> RolloutSamples:
    """Play ``n_steps`` with the agent's own rollout code; return all samples, their domain the env's group."""
    buffer = DomainRolloutBuffer(
        probe.n_steps,
        agent.observation_space,
        agent.action_space,
        agent.device,
        agent.gae_lambda,
        agent.gamma,
        probe.env.num_envs,
        n_domains=probe.n_groups,
    )
    silent = CallbackList([])
    silent.init_callback(agent)
    with agent.visiting(probe):
        agent.collect_rollouts(as_trained(agent, probe.env), silent, buffer, probe.n_steps)
    return next(buffer.get(batch_size=None))


def as_trained(agent: Any, env: VecEnv) -> VecEnv:
    """Scale the rewards of ``env`` as those the agent learns from, without a change to the scale."""
    scale = agent.get_vec_normalize_env()
    if scale is None:
        return env
    scaled = VecNormalize(env, training=False, norm_obs=False, gamma=agent.gamma)
    scaled.ret_rms = scale.ret_rms
    return scaled


def group_samples(agent: Any, probe: Probe) -> GroupSamples:
    """Play an episode in every env, those of one group from one start; return all samples, their domain the group.

    Episodes are whole, whatever the probe's ``n_steps``; a group that played equally well has advantages of 0.
    """
    envs = probe.env.num_envs
    buffer = GroupBuffer(
        0,
        agent.observation_space,
        agent.action_space,
        agent.device,
        n_envs=envs,
        groups=probe.n_groups,
        n_domains=probe.n_groups,
    )
    silent = CallbackList([])
    silent.init_callback(agent)
    seeds = np.random.randint(2**31, size=probe.n_groups)
    agent.policy.set_training_mode(False)
    with agent.visiting(probe):
        agent.play(probe.env, silent, buffer, np.tile(seeds, envs // probe.n_groups))
    buffer.finish(agent.scale_advantage, agent.advantage_clip, mask_constant_groups=False)
    return next(buffer.get())


def off_policy_samples(agent: Any, probe: Probe) -> ReplaySamples:
    """Play ``n_steps`` epsilon-greedily; return all transitions as the agent replays them, their domain the env's group."""
    n, replay = probe.env.num_envs, agent.replay_buffer
    buffer = DomainReplayBuffer(
        probe.n_steps * n,
        agent.observation_space,
        agent.action_space,
        agent.device,
        n,
        n_domains=probe.n_groups,
        n_steps=replay.n_steps,
        gamma=replay.gamma,
    )
    for _ in range(probe.n_steps):
        greedy, _ = agent.policy.predict(probe.observations, deterministic=True)
        explores = np.random.rand(n) < agent.exploration_rate
        actions = np.where(explores, np.random.randint(agent.action_space.n, size=n), greedy)
        observations, rewards, dones, infos = probe.env.step(actions)
        following = observations.copy()
        for i in np.flatnonzero(dones):
            following[i] = infos[i]["terminal_observation"]
        buffer.add(probe.observations, following, actions, rewards, dones, infos)
        probe.observations = observations
    return buffer.all_samples()
