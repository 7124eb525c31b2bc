"""The exact state of an SB3 agent and of its vector env, as a tree.

Which attributes matter was found by leaving each out and comparing the parameters at the end of a resumed run.
"""

from __future__ import annotations

from collections import deque
from operator import attrgetter
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
)

from rlsuite.algos.common.monitor import EpisodeMonitor
from rlsuite.core.interfaces import Tree

COUNTERS = (
    "num_timesteps",
    "_total_timesteps",
    "_episode_num",
    "_n_updates",
    "_n_calls",
    "exploration_rate",
    "_current_progress_remaining",
)
OBSERVED = ("_last_obs", "_last_episode_starts", "_last_original_obs")
WRAPPERS: dict[type[VecEnvWrapper], tuple[str, ...]] = {
    EpisodeMonitor: ("episode_returns", "episode_lengths", "episode_count"),
    VecFrameStack: (),
    VecNormalize: ("returns", "ret_rms.mean", "ret_rms.var", "ret_rms.count"),
    VecTransposeImage: (),
}


def env_state(env: VecEnv) -> list[Tree]:
    """Return the states of a vector env's wrappers, outermost first, and of the env itself."""
    layers: list[Tree] = []
    while isinstance(env, VecEnvWrapper):
        layers.append({name: _copy(attrgetter(name)(env)) for name in WRAPPERS[type(env)]})
        env = env.venv
    return [*layers, env.get_state()]


def set_env_state(env: VecEnv, layers: list[Tree]) -> None:
    """Restore what ``env_state`` returned; nothing is reset."""
    for state in layers[:-1]:
        for path, value in state.items():
            owner, _, name = path.rpartition(".")
            setattr(attrgetter(owner)(env) if owner else env, name, value)
        env = env.venv
    env.set_state(layers[-1])


def agent_state(agent: BaseAlgorithm) -> Tree:
    """Return everything that decides how ``agent`` learns on, at a rollout boundary."""
    own = vars(agent)  # upstream's names; not every algorithm has every counter
    return {
        "counters": {name: own[name] for name in COUNTERS if name in own},
        "observed": {name: _copy(own[name]) for name in OBSERVED},
        "policy": agent.policy.state_dict(),
        "optimizer": agent.policy.optimizer.state_dict(),
        "episodes": list(agent.ep_info_buffer or ()),
        "successes": list(agent.ep_success_buffer or ()),
        "action_rng": agent.action_space.np_random.bit_generator.state,
        "logged": logged(agent.logger),
        "env": env_state(agent.env),
    }


def set_agent_state(agent: BaseAlgorithm, state: Tree) -> None:
    """Restore what ``agent_state`` returned; the global random streams are the caller's, and come last."""
    for name, value in {**state["counters"], **state["observed"]}.items():
        setattr(agent, name, value)
    agent.policy.load_state_dict(state["policy"])
    agent.policy.optimizer.load_state_dict(state["optimizer"])
    window = agent._stats_window_size
    agent.ep_info_buffer = deque(state["episodes"], maxlen=window)
    agent.ep_success_buffer = deque(state["successes"], maxlen=window)
    agent.action_space.np_random.bit_generator.state = state["action_rng"]
    if hasattr(agent, "_logger"):  # an agent loaded only to be evaluated logs nothing
        set_logged(agent.logger, state["logged"])
    set_env_state(agent.env, state["env"])


def logged(logger: Logger) -> Tree:
    """Return what was logged since the last dump, so that a resumed history has no hole."""
    scalars = {name: value for name, value in logger.name_to_value.items() if np.isscalar(value)}
    return {k: (v, logger.name_to_count[k], logger.name_to_excluded[k]) for k, v in scalars.items()}


def set_logged(logger: Logger, state: Tree) -> None:
    """Restore what ``logged`` returned."""
    for name, (value, count, excluded) in state.items():
        logger.name_to_value[name], logger.name_to_count[name] = value, count
        logger.name_to_excluded[name] = excluded


def _copy(value: Any) -> Any:
    return value.copy(order="K") if isinstance(value, np.ndarray) else value
