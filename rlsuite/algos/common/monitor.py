"""Returns and lengths of episodes, at a cost of the envs that end and not of all."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

import numpy as np
from stable_baselines3.common.vec_env import VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn


class EpisodeMonitor(VecMonitor):
    """SB3's monitor, without its file; infos of envs that go on are not looked at, so need not be made."""

    def restart(self, seeds: Sequence[int]) -> np.ndarray:
        """Begin an episode in every env from a seed of its own, where the envs can (see ``BatchedVecEnv.restart``)."""
        self.episode_returns[:] = 0
        self.episode_lengths[:] = 0
        return self.venv.restart(seeds)

    def step_wait(self) -> VecEnvStepReturn:
        """Step, and note return, length and time under ``episode`` in the infos of envs that end."""
        observations, rewards, dones, infos = self.venv.step_wait()
        self.episode_returns += rewards
        self.episode_lengths += 1
        ended = np.flatnonzero(dones)
        if len(ended):
            seconds = round(time() - self.t_start, 6)
            for i in ended:
                infos[i]["episode"] = {
                    "r": self.episode_returns[i],
                    "l": self.episode_lengths[i],
                    "t": seconds,
                }
            self.episode_count += len(ended)
            self.episode_returns[ended] = 0
            self.episode_lengths[ended] = 0
        return observations, rewards, dones, infos
